import {foldHostSet} from '../inventory/folded-hosts.js';
import {cleanLines, cleanText} from './foreign-text.js';
import {groupOutputs, type HostOutput} from './output-groups.js';
import {createPalette, type Palette} from './palette.js';

/** `--- web[1-3] (3) exit 3`, the line above what these hosts printed. `note` follows it. */
export function headGroup(outputs: readonly [HostOutput, ...HostOutput[]], palette: Palette, note = ''): string {
  const [{failure}] = outputs;
  const hosts = cleanText(foldHostSet(outputs.map(({host}) => host)));
  const ending = failure === undefined ? '' : palette.bad(` ${cleanText(failure)}`);
  return `${palette.strong(`--- ${hosts} (${outputs.length})`)}${ending}${note === '' ? '' : palette.dim(` ${note}`)}\n`;
}

/** The output of one command on many hosts, each distinct output once, under the folded set of hosts that printed it. */
export function foldOutputs({outputs, colour}: {readonly outputs: readonly HostOutput[]; readonly colour: boolean}): string {
  const palette = createPalette(colour);
  return groupOutputs(outputs)
    .map((group) => {
      const lines = cleanLines(group[0].output).map((line) => `${line}\n`);
      return `${headGroup(group, palette)}${lines.join('')}`;
    })
    .join('');
}
