import {headGroup} from './folded-output.js';
import {cleanLines} from './foreign-text.js';
import {cutHunks, type DiffLine, diffLines} from './line-diff.js';
import {groupOutputs, type HostOutput} from './output-groups.js';
import {createPalette, type Palette} from './palette.js';

const paints = {'-': 'bad', '+': 'good'} as const;

function paintLine({sign, text}: DiffLine, palette: Palette): string {
  return `${sign === ' ' ? ` ${text}` : palette[paints[sign]](`${sign}${text}`)}\n`;
}

/**
 * As `foldOutputs`, but only the majority's output stands there whole: the largest group's, of those that ended well if any did. Below each
 * other group is how its output differs from that, as a unified diff. A group that failed without a word has nothing to compare.
 */
export function diffOutputs({outputs, colour}: {readonly outputs: readonly HostOutput[]; readonly colour: boolean}): string {
  const palette = createPalette(colour);
  const groups = groupOutputs(outputs);
  const majority = groups.find(([{failure}]) => failure === undefined) ?? groups.find(([{output}]) => output !== '') ?? groups[0];
  if (majority === undefined) return '';
  const others = groups.filter((group) => group !== majority);
  const usual = cleanLines(majority[0].output);
  const shown = others.map((group) => {
    const [{output, failure}] = group;
    if (failure !== undefined && output === '') return headGroup(group, palette);
    if (output === majority[0].output) return headGroup(group, palette, 'same output');
    const hunks = cutHunks(diffLines(usual, cleanLines(output)));
    if (hunks.length === 0) return headGroup(group, palette, 'differs in line breaks or in what is not shown alone');
    const text = hunks.map(({head, lines}) => `${palette.dim(head)}\n${lines.map((line) => paintLine(line, palette)).join('')}`);
    return `${headGroup(group, palette)}${text.join('')}`;
  });
  return `${headGroup(majority, palette)}${usual.map((line) => `${line}\n`).join('')}${shown.join('')}`;
}
