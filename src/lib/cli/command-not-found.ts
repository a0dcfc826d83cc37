import type {Hook} from '@oclif/core';
import {formatProblem} from '../errors/drover-error.js';
import {findClosest} from '../inventory/closest-name.js';

/** `drover deply`: one line, and exit 2. */
const hook: Hook.CommandNotFound = async (options) => {
  const typed = options.id.replaceAll(':', ' ');
  const known = options.config.commandIDs.map((id) => id.replaceAll(':', ' '));
  const words = typed.split(' ');
  const command = known.filter((name) => typed === name || typed.startsWith(`${name} `)).sort((a, b) => b.length - a.length)[0];
  const say = (message: string, fix: string): boolean => process.stderr.write(`${formatProblem({code: 'usage', message, fix})}\n`);
  if (typed.startsWith('-')) {
    say(`flags go after the command, got ${JSON.stringify(typed)} first`, 'for example: drover deploy --config drover.yml');
  } else if (command !== undefined) {
    say(`unexpected argument ${JSON.stringify(words[command.split(' ').length] ?? '')}`, 'see --help');
  } else {
    const closest = findClosest(typed, known) ?? findClosest(words[0] ?? typed, known);
    say(
      `unknown command ${JSON.stringify(typed)}`,
      closest === undefined ? 'list the commands with: drover help' : `did you mean "${closest}"?`,
    );
  }
  process.exit(2);
};

export default hook;
