/** What a host keeps, as far as verbs decide by it. Times are left out, but for what they decide: whether a lease is alive, what came first. */
export interface ModelState {
  epoch: number;
  lease: ModelLease | undefined;
  /** What `current` names; empty before the first deploy. */
  live: string;
  /** Folders below `releases/`; `sealed` once nobody may write into them. A release is complete when it has a manifest as well. */
  folders: Record<string, 'sealed' | 'open'>;
  manifests: string[];
  /** `EPOCH RUN EVENT DETAIL`, oldest first. */
  journal: string[];
  /** Oldest first. */
  pins: {release: string; run: string; snapshot: string; owner: string; why: string}[];
  /** By nonce; `again` is the epoch from which the plan may be taken up again. */
  plans: Record<string, {run: string; again: number | undefined; owner: string}>;
  runs: Record<string, ModelRun>;
  /** Release -> `SNAPSHOT RUN`, newest last. */
  parts: Record<string, string[]>;
  /** Deltas on their way: bytes that are here. */
  deltas: Record<string, number>;
  /** Part -> release that its delta starts from. */
  bases: Record<string, string>;
  ballast: boolean;
  /** Dead-man's switches that are at work, oldest first. */
  watchers: Watcher[];
  /** Unfinished files that a killed verb left, process ids taken out. */
  litter: string[];
}

export interface ModelLease {
  readonly run: string;
  readonly epoch: number;
  readonly owner: string;
  readonly reason: string;
  readonly alive: boolean;
}

export interface ModelRun {
  plan?: string;
  ended?: true;
  decision?: string;
  /** `now` in this boot of the host. */
  armed?: 'now' | 'earlier';
  /** The watcher that counts. */
  watch?: string;
  restart?: string;
  token?: string;
}

export interface Watcher {
  readonly run: string;
  readonly from: string;
  readonly to: string;
  readonly token: string;
}

export function emptyState(): ModelState {
  return {
    ...{epoch: 0, lease: undefined, live: '', folders: {}, manifests: [], journal: [], pins: [], plans: {}, runs: {}},
    ...{parts: {}, deltas: {}, bases: {}, ballast: false, watchers: [], litter: []},
  };
}

export function isStaged(state: ModelState, id: string): boolean {
  return state.folders[id] !== undefined && state.manifests.includes(id);
}

/** The detail of a run's last such record; undefined when there is none. */
export function lastDetail(state: ModelState, run: string, event: string): string | undefined {
  const line = state.journal.findLast((text) => text.split(' ')[1] === run && text.split(' ')[2] === event);
  return line?.split(' ').slice(3).join(' ');
}
