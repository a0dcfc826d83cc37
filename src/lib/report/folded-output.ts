import {foldHostSet} from '../inventory/folded-hosts.js';
import {cleanLines, cleanText} from './foreign-text.js';
import {createPalette, type Palette} from './palette.js';

/** What one host printed. */
export interface HostOutput {
  readonly host: string;
  readonly output: string;
  /** How it ended when not well: `exit 3`, `lost: connection reset`. Hosts are grouped only with the same ending. */
  readonly failure?: string;
}

function renderGroup(outputs: readonly HostOutput[], palette: Palette): string {
  const [{output, failure} = {output: '', failure: undefined}] = outputs;
  const hosts = cleanText(foldHostSet(outputs.map(({host}) => host)));
  const head = palette.strong(`--- ${hosts} (${outputs.length})`);
  const ending = failure === undefined ? '' : palette.bad(` ${cleanText(failure)}`);
  return `${head}${ending}\n${cleanLines(output)
    .map((line) => `${line}\n`)
    .join('')}`;
}

/**
 * The output of one command on many hosts, each distinct output once, under the folded set of hosts that printed it.
 * Largest group first, failed groups last, so that the odd ones stand where the eye ends; equal groups in the order given.
 */
export function foldOutputs({outputs, colour}: {readonly outputs: readonly HostOutput[]; readonly colour: boolean}): string {
  const palette = createPalette(colour);
  const groups = new Map<string, HostOutput[]>();
  for (const output of outputs) {
    const key = JSON.stringify([output.failure ?? null, output.output]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [output]);
    else group.push(output);
  }
  const rank = (group: readonly HostOutput[]): number => (group[0]?.failure === undefined ? 0 : 1);
  return [...groups.values()]
    .sort((one, other) => rank(one) - rank(other) || other.length - one.length)
    .map((group) => renderGroup(group, palette))
    .join('');
}
