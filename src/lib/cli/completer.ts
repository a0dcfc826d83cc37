import {readFileSync} from 'node:fs';
import path from 'node:path';
import {type CommandShapes, completeWords} from './complete-words.js';
import {listNames} from './completion-names.js';

/**
 * Prints what may stand in place of the last word, `word<TAB>what it is` a line; the scripts of `drover completion` ask it at each Tab. Loaded by
 * bin/run.js without oclif, since a user waits. Names come from files that may be foreign: control characters never reach the shell.
 */
export async function complete(root: string, words: readonly string[]): Promise<void> {
  const {commands} = JSON.parse(readFileSync(path.join(root, 'oclif.manifest.json'), 'utf8')) as {commands: CommandShapes};
  const found = await completeWords(words, commands, (request) => listNames(request, process.env));
  const lines = found
    .filter(({word}) => /^[\w.,:!&^|@=%+/ [\]-]+$/.test(word))
    .map(({word, about}) => (about === undefined ? `${word}\n` : `${word}\t${about.replace(/[\p{C}\p{Z}]+/gu, ' ')}\n`));
  process.stdout.write(lines.join(''));
}
