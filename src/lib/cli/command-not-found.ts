import type {Hook} from '@oclif/core';
import {formatProblem, type Problem} from '../errors/drover-error.js';
import {findClosest} from '../inventory/closest-name.js';

/** What to say of words that name no command; `ids` are those that there are, words joined by colons. */
export function explainUnknownCommand(typed: string, ids: readonly string[]): Problem {
  const known = ids.map((id) => id.replaceAll(':', ' '));
  const words = typed.split(' ');
  const command = known.filter((name) => typed === name || typed.startsWith(`${name} `)).sort((a, b) => b.length - a.length)[0];
  if (typed.startsWith('-')) {
    const message = `flags go after the command, got ${JSON.stringify(typed)} first`;
    return {code: 'usage', message, fix: 'for example: drover deploy --config drover.yml'};
  }
  if (command !== undefined) {
    const message = `unexpected argument ${JSON.stringify(words[command.split(' ').length] ?? '')}`;
    return {code: 'usage', message, fix: 'see --help'};
  }
  const closest = findClosest(typed, known) ?? findClosest(words[0] ?? typed, known);
  const fix = closest === undefined ? 'list the commands with: drover help' : `did you mean "${closest}"?`;
  return {code: 'usage', message: `unknown command ${JSON.stringify(typed)}`, fix};
}

/** `drover deply`: one line, and exit 2. */
const hook: Hook.CommandNotFound = async ({id, config}) => {
  process.stderr.write(`${formatProblem(explainUnknownCommand(id.replaceAll(':', ' '), config.commandIDs))}\n`);
  process.exit(2);
};

export default hook;
