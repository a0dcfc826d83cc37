import {type Sent, sendDelta} from '../delivery/send-delta.js';
import type {Problem} from '../errors/drover-error.js';
import {fanOut, type Outcome} from '../fanout/fan-out.js';
import type {StageRequest} from '../host/host-app.js';
import type {HostState} from '../host/host-state.js';
import type {App} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import type {SnapshotId} from '../snapshot/manifest.js';
import type {Delta, Store} from '../snapshot/store.js';
import {runStep, useHost} from './on-host.js';
import type {World} from './world.js';

export interface StageResult {
  readonly host: Host;
  readonly kind: 'unchanged' | 'staged' | 'failed' | 'skipped' | 'interrupted';
  /** Bytes sent in this run. */
  readonly sentBytes: number;
  readonly problem?: Problem;
}

/**
 * Brings a snapshot to hosts: one delta per distinct base, built once, streamed to all hosts on that base. What is served does not change.
 * `run` is left on each host that lacks the snapshot, so that any machine can resume.
 */
export async function stageRelease(
  world: World,
  options: {
    readonly app: App;
    readonly store: Store;
    readonly snapshot: string;
    readonly hosts: readonly Host[];
    readonly states: ReadonlyMap<string, HostState>;
    readonly run?: StageRequest['run'];
    readonly budget?: number;
  },
): Promise<readonly StageResult[]> {
  const {app, store, hosts, states, run, budget} = options;
  const snapshot = options.snapshot as SnapshotId;
  const lacking = hosts.filter((host) => !states.get(host.name)?.releases.includes(snapshot));
  const bases = await chooseBases(store, lacking, states);
  const deltas = new Map<string | undefined, Delta>();
  for (const base of new Set(bases.values())) {
    const delta = await store.delta(base, snapshot, world.signal);
    deltas.set(base, delta);
    const count = [...bases.values()].filter((each) => each === base).length;
    await world.emit({
      kind: 'delta-built',
      snapshot,
      files: delta.files,
      bytes: delta.bytes,
      hosts: count,
      ...(base === undefined ? {} : {base}),
    });
  }
  const outcomes = await fanOut(
    hosts,
    async (host): Promise<Sent> => {
      const base = bases.get(host.name);
      const delta = bases.has(host.name) ? deltas.get(base) : undefined;
      if (delta === undefined) return {kind: 'unchanged'};
      return runStep(world, {
        host,
        step: 'stage',
        action: () =>
          useHost(world, host, app, (on) =>
            sendDelta({
              host: on,
              delta,
              unpackedBytes: delta.unpackedBytes,
              links: app.link,
              ...(run === undefined ? {} : {run}),
              onProgress: (sentBytes) => {
                void world.emit({kind: 'transfer', host: host.name, sentBytes, totalBytes: delta.bytes});
              },
            }),
          ),
        describe: (sent) => ({
          unchanged: sent.kind === 'unchanged',
          ...(sent.kind === 'staged' && sent.resumedBytes > 0 ? {detail: `continued at byte ${sent.resumedBytes}`} : {}),
        }),
      });
    },
    {
      concurrency: world.concurrency,
      random: world.random,
      signal: world.signal,
      drain: world.interrupted,
      retry: {attempts: 1, firstDelayMs: 0, maxDelayMs: 0},
      ...(budget === undefined ? {} : {budget}),
    },
  );
  return outcomes.map(describeOutcome);
}

function describeOutcome(outcome: Outcome<Host, Sent>): StageResult {
  const {item: host} = outcome;
  switch (outcome.kind) {
    case 'done':
      return {host, kind: outcome.value.kind, sentBytes: outcome.value.kind === 'staged' ? outcome.value.sentBytes : 0};
    case 'failed':
      return {host, kind: 'failed', sentBytes: 0, problem: outcome.problem};
    case 'skipped':
    case 'interrupted':
      return {host, kind: outcome.kind, sentBytes: 0};
  }
}

/** The release each host's delta starts from: the live one, else any complete one, that the store knows as well. */
async function chooseBases(
  store: Store,
  hosts: readonly Host[],
  states: ReadonlyMap<string, HostState>,
): Promise<ReadonlyMap<string, SnapshotId | undefined>> {
  const known = new Set<string>((await store.list()).map((record) => record.id));
  const bases = new Map<string, SnapshotId | undefined>();
  for (const host of hosts) {
    const state = states.get(host.name);
    if (state === undefined) continue;
    const candidates = [state.live, ...state.releases].filter(
      (id): id is SnapshotId => id !== undefined && known.has(id) && state.releases.includes(id),
    );
    bases.set(host.name, candidates[0]);
  }
  return bases;
}
