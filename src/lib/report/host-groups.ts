import {judgeHost} from './host-ending.js';
import {foldReasons} from './host-reason.js';
import type {Paint} from './palette.js';
import {formatCount, shortenId} from './quantity.js';
import type {HostRecord, RunModel} from './run-model.js';

/** How hosts ended, in the words and the order of a report. */
const labels = ['done', 'unchanged', 'reverted', 'failed', 'interrupted', 'debt', 'not reached'] as const;

const paints: Readonly<Record<(typeof labels)[number], Paint>> = {
  done: 'good',
  unchanged: 'dim',
  reverted: 'warn',
  failed: 'bad',
  interrupted: 'bad',
  debt: 'warn',
  'not reached': 'dim',
};

/** Hosts that ended alike. `detail`: the release that is live there, and the reason; foreign text, not yet made safe. */
export interface HostGroup {
  readonly label: (typeof labels)[number];
  readonly paint: Paint;
  readonly hosts: string[];
  readonly detail: string;
}

function labelHost(record: HostRecord): HostGroup['label'] {
  const {outcome, reached} = judgeHost(record);
  if (outcome === 'skipped') return reached ? 'debt' : 'not reached';
  return outcome;
}

/** `9c21f0a7b311 (part 3f07…)` where a host serves a part of a snapshot; hosts with other parts of the same are alike. */
function describeRelease(snapshot: string | undefined, releases: ReadonlySet<string>): string {
  const [release] = releases;
  if (release === undefined) return '';
  if (snapshot === undefined || (releases.size === 1 && release === snapshot)) return shortenId(release);
  return `${shortenId(snapshot)} (${releases.size === 1 ? `part ${shortenId(release)}` : formatCount(releases.size, 'part')})`;
}

/** Hosts with the same ending, release and reason together; good endings first, then in order of appearance. */
export function groupHosts(model: RunModel): readonly HostGroup[] {
  const found = new Map<string, {record: HostRecord; hosts: string[]; releases: Set<string>}>();
  const records = [...model.hosts.values()];
  const reasons = foldReasons(records.flatMap(({host, why}) => (why === undefined ? [] : [{host, why}])));
  for (const record of records) {
    const {release, snapshot, code} = record;
    const key = JSON.stringify([labelHost(record), snapshot ?? release, code, reasons.get(record.host)]);
    const group = found.get(key) ?? {record, hosts: [], releases: new Set()};
    found.set(key, group);
    group.hosts.push(record.host);
    if (release !== undefined) group.releases.add(release);
  }
  const groups = [...found.values()].map(({record, hosts, releases}): HostGroup => {
    const label = labelHost(record);
    const reason = [record.code, reasons.get(record.host)].filter((part) => part !== undefined).join(': ');
    const detail = [describeRelease(record.snapshot, releases), reason].filter((part) => part !== '').join('  ');
    return {label, paint: paints[label], hosts, detail};
  });
  return groups.sort((one, other) => labels.indexOf(one.label) - labels.indexOf(other.label));
}
