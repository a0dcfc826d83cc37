import type {Hook} from '@oclif/core';
import {formatProblem} from '../errors/drover-error.js';
import {findClosest} from '../inventory/closest-name.js';

/** `drover deply`: one line, and exit 2. */
const hook: Hook.CommandNotFound = async (options) => {
  const typed = options.id.replaceAll(':', ' ');
  const known = options.config.commandIDs.map((id) => id.replaceAll(':', ' '));
  const word = typed.split(' ')[0] ?? typed;
  const closest = findClosest(typed, known) ?? findClosest(word, known);
  const fix = closest === undefined ? 'list the commands with: drover help' : `did you mean "${closest}"?`;
  process.stderr.write(`${formatProblem({code: 'usage', message: `unknown command ${JSON.stringify(typed)}`, fix})}\n`);
  process.exit(2);
};

export default hook;
