import {type Pin, parsePin, parseTakenPlan, type TakenPlan} from './host-records.js';
import type {OnceTask} from './once-task.js';

/** One line of a host's own journal. */
export interface JournalLine {
  /** ISO 8601, UTC, by the host's clock: for people, never compared. */
  readonly at: string;
  readonly epoch: string;
  readonly run: string;
  readonly event: string;
  readonly detail: string;
}

export interface HeldLease {
  readonly run: string;
  readonly owner: string;
  readonly reason: string;
  /** 0 when it has run out or the host rebooted since. */
  readonly leftSeconds: number;
  /** The fencing number it was given with. */
  readonly epoch: number;
  /** ISO 8601, UTC, by the host's clock: for people. Empty where an older drover gave it. */
  readonly since: string;
  /** Since the owner gave its last sign of life; undefined where that cannot be known. */
  readonly silentSeconds: number | undefined;
}

/** A once task that an unfinished run has begun on this host. `done` and `failed` have ended; of `unknown` nobody can tell. */
export interface BegunTask {
  readonly run: string;
  readonly task: OnceTask;
  readonly state: 'running' | 'unknown' | 'done' | 'failed';
}

/** What a host says of one app. */
export interface HostState {
  /** True before the first push. */
  readonly fresh: boolean;
  /** Tools that drover needs and the host lacks. */
  readonly missing: readonly string[];
  /** Tools that drover can do without and uses where they are: `zstd`, `curl`, `ssh`, `sshd`. */
  readonly tools: ReadonlySet<string>;
  /** Why `current` must not be touched; undefined when it may. */
  readonly unsafe: string | undefined;
  /** The live release; undefined before the first deploy. */
  readonly live: string | undefined;
  /** Complete releases, in no order. */
  readonly releases: readonly string[];
  /** Release -> snapshots that it is a part of, and the run that said so, newest last. */
  readonly parts: ReadonlyMap<string, readonly {readonly snapshot: string; readonly run: string}[]>;
  readonly epoch: number;
  /** Releases that were taken back here, and the reviewed plans that were taken up. */
  readonly pins: readonly Pin[];
  readonly plans: readonly TakenPlan[];
  readonly lease: HeldLease | undefined;
  /** The run that paused the worker on this host, and has not resumed it. */
  readonly pausedBy: string | undefined;
  /** That run is about to resume it, and keeps nothing paused that others share. */
  readonly isPauseEnding: boolean;
  /** Runs that did not end here. */
  readonly openRuns: readonly string[];
  /** How the dead-man's switch of a run was decided. */
  readonly decisions: ReadonlyMap<string, 'confirmed' | 'reverted'>;
  readonly tasks: readonly BegunTask[];
  /** Oldest first. */
  readonly journal: readonly JournalLine[];
}

/** Reads the body of the verb `read-state`. Unknown lines are passed over, so that an older drover can read a newer host. */
export function parseHostState(body: string): HostState {
  const openRuns: string[] = [];
  const releases: string[] = [];
  const journal: JournalLine[] = [];
  const decisions = new Map<string, 'confirmed' | 'reverted'>();
  const pins: Pin[] = [];
  const plans: TakenPlan[] = [];
  const tasks: BegunTask[] = [];
  const parts = new Map<string, {snapshot: string; run: string}[]>();
  const values = new Map<string, string>();
  for (const line of body.split('\n')) {
    const space = line.indexOf(' ');
    const key = space < 0 ? line : line.slice(0, space);
    const value = space < 0 ? '' : line.slice(space + 1);
    if (key === 'release') releases.push(value);
    else if (key === 'open-run') openRuns.push(value);
    else if (key === 'journal') journal.push(...parseJournalLine(value));
    else if (key === 'pin') pins.push(...parsePin(value));
    else if (key === 'plan') plans.push(...parseTakenPlan(value));
    else if (key === 'part-of') {
      const [part, snapshot, run] = value.split(' ');
      if (part !== undefined && snapshot !== undefined) parts.set(part, [...(parts.get(part) ?? []), {snapshot, run: run ?? ''}]);
    } else if (key === 'once') {
      tasks.push(...parseTask(value));
    } else if (key === 'decision') {
      const [run, decision] = value.split(' ');
      if (run !== undefined) decisions.set(run, decision === 'reverted' ? 'reverted' : 'confirmed');
    } else values.set(key, value);
  }
  const run = values.get('lease-run');
  return {
    fresh: values.has('fresh'),
    missing: listWords(values.get('missing')),
    tools: new Set(listWords(values.get('tools'))),
    unsafe: values.get('unsafe'),
    live: values.get('current'),
    releases,
    parts,
    pins,
    plans,
    epoch: Number(values.get('epoch') ?? 0),
    pausedBy: values.get('paused'),
    isPauseEnding: values.has('pause-leaving'),
    lease:
      run === undefined
        ? undefined
        : {
            run,
            owner: values.get('lease-owner') ?? '',
            reason: values.get('lease-reason') ?? '',
            leftSeconds: Number(values.get('lease-left') ?? 0),
            epoch: Number(values.get('lease-epoch') ?? 0),
            since: values.get('lease-since') ?? '',
            silentSeconds: values.has('lease-beat') ? Number(values.get('lease-beat')) : undefined,
          },
    openRuns,
    decisions,
    tasks,
    journal,
  };
}

function listWords(text = ''): string[] {
  return text.split(' ').filter((word) => word !== '');
}

function parseTask(text: string): BegunTask[] {
  const [run, task, stands, status] = text.split(' ');
  if (run === undefined || (task !== 'before' && task !== 'after')) return [];
  if (stands === 'running') return [{run, task, state: 'running'}];
  if (stands !== 'ended') return [{run, task, state: 'unknown'}];
  return [{run, task, state: status === '0' ? 'done' : 'failed'}];
}

function parseJournalLine(line: string): JournalLine[] {
  const [at, epoch, run, event, ...detail] = line.split(' ');
  if (at === undefined || epoch === undefined || run === undefined || event === undefined) return [];
  return [{at, epoch, run, event, detail: detail.join(' ')}];
}

/**
 * Where a plain `rollback` of this host leads: the release that was confirmed here before the live one. `already` names the rollback that
 * nothing was deployed after: rolling back twice is a no-op. A deploy that was taken back and a release that is pinned out count for nothing,
 * so that all hosts of a fleet agree, whether the deploy had reached them or not.
 */
export function rollbackTarget(
  state: HostState,
): {readonly kind: 'release'; readonly id: string} | {readonly kind: 'already'; readonly run: string} | {readonly kind: 'none'} {
  const settled = state.journal.findLast((line) => line.event === 'confirmed' || line.event === 'rolled-back');
  const ofRun = (event: string): boolean => state.journal.some((line) => line.run === settled?.run && line.event === event);
  if (settled !== undefined && ofRun('rolled-back') && !ofRun('reverted')) return {kind: 'already', run: settled.run};
  const pinned = new Set(state.pins.map(({release}) => release));
  const good = listProven(state).findLast((id) => id !== state.live && !pinned.has(id));
  return good === undefined ? {kind: 'none'} : {kind: 'release', id: good};
}

/** Releases that were confirmed here by a run that did not take them back, and are complete; oldest first, each where it was confirmed last. */
export function listProven(state: HostState): readonly string[] {
  const taken = new Set(state.journal.filter((line) => line.event === 'reverted').map((line) => line.run));
  const confirmed = state.journal.filter((line) => line.event === 'confirmed' && !taken.has(line.run)).map((line) => line.detail);
  return [...new Set(confirmed.reverse())].reverse().filter((id) => state.releases.includes(id));
}

/** The releases that were confirmed on this host at some time and are still here. */
export function provenReleases(state: HostState): readonly string[] {
  const confirmed = new Set(state.journal.filter((line) => line.event === 'confirmed').map((line) => line.detail));
  return state.releases.filter((id) => confirmed.has(id));
}
