import {judgeHost} from './host-ending.js';
import type {Paint} from './palette.js';
import {shortenId} from './quantity.js';
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

function detailHost({release, code, why}: HostRecord): string {
  const reason = [code, why].filter((part) => part !== undefined).join(': ');
  const live = release === undefined ? '' : shortenId(release);
  return [live, reason].filter((part) => part !== '').join('  ');
}

/** Hosts with the same ending, release and reason together; good endings first, then in order of appearance. */
export function groupHosts(model: RunModel): readonly HostGroup[] {
  const groups = new Map<string, HostGroup>();
  for (const record of model.hosts.values()) {
    const label = labelHost(record);
    const detail = detailHost(record);
    const key = JSON.stringify([label, detail]);
    const group = groups.get(key) ?? {label, paint: paints[label], hosts: [], detail};
    groups.set(key, group);
    group.hosts.push(record.host);
  }
  return [...groups.values()].sort((one, other) => labels.indexOf(one.label) - labels.indexOf(other.label));
}
