import {foldHostSet} from '../inventory/folded-hosts.js';
import type {PartitionList} from '../operations/list-partitions.js';
import {formatBytes} from '../report/quantity.js';
import {renderTable} from '../report/table.js';
import type {Terminal} from './terminal.js';

/** `0-3,7` for numbers, names as they are. */
function foldNames(names: readonly string[]): string {
  if (names.length === 0) return '-';
  if (!names.every((name) => /^\d+$/.test(name))) return names.join(' ');
  const runs: [number, number][] = [];
  for (const number of names.map(Number).sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last?.[1] === number - 1) last[1] = number;
    else runs.push([number, number]);
  }
  return runs.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(',');
}

function groupBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): readonly (readonly [Item, ...Item[]])[] {
  const groups = new Map<string, [Item, ...Item[]]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return [...groups.values()];
}

function describeSize(size: {readonly files: number; readonly bytes: number} | null): readonly [string, string] {
  return size === null ? ['-', '-'] : [String(size.files), formatBytes(size.bytes)];
}

/** What each host holds; hosts that hold the same are one row. */
export function renderHolders(list: PartitionList, terminal: Terminal): string {
  const {partitions, hosts, snapshot} = list;
  const table = renderTable({
    columns: [
      {title: 'HOSTS'},
      {title: 'SILO'},
      {title: 'OF', align: 'right', shrinks: false},
      {title: 'PARTITIONS'},
      {title: 'PART', shrinks: false},
      {title: 'FILES', align: 'right', shrinks: false},
      {title: 'BYTES', align: 'right', shrinks: false},
    ],
    rows: groupBy(hosts, (host) => JSON.stringify([host.silo, host.partitions])).map((group) => [
      foldHostSet(group.map((host) => host.name)),
      group[0].silo,
      `${group[0].partitions.length}/${partitions.length}`,
      foldNames(group[0].partitions),
      group[0].part?.slice(0, 12) ?? '-',
      ...describeSize(group[0].size),
    ]),
    colour: terminal.outColour,
    ...(terminal.outColumns === undefined ? {} : {width: terminal.outColumns}),
  });
  return `${table}${list.app}: ${snapshot === null ? 'no snapshot yet' : `snapshot ${snapshot.slice(0, 12)}`}\n`;
}

/** One line for each set of holders, and what they hold. */
export function foldHolders(list: PartitionList): string {
  const groups = groupBy(list.partitions, (partition) => JSON.stringify([...partition.hosts].sort()));
  return groups
    .map((group) => {
      const hosts = group[0].hosts.length === 0 ? 'none' : foldHostSet(group[0].hosts);
      return `${hosts}  ${foldNames(group.map((partition) => partition.name))}\n`;
    })
    .join('');
}
