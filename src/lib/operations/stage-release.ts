import {FetchShares} from '../delivery/fetch-shares.js';
import {RateShaper} from '../delivery/rate-shaper.js';
import {type SendOptions, type Sent, sendDelta} from '../delivery/send-delta.js';
import {boundTransfer} from '../delivery/transfer-bound.js';
import {createTransferMeter} from '../delivery/transfer-meter.js';
import type {Problem} from '../errors/drover-error.js';
import {fanOut, type Outcome} from '../fanout/fan-out.js';
import type {StageRequest} from '../host/stage-request.js';
import {VerbError} from '../host/verb-call.js';
import type {App} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import {awaitBusy} from './await-busy.js';
import {BucketShelf} from './bucket-shelf.js';
import {DeltaShelf, type DeltaWish} from './delta-shelf.js';
import {chooseWishes, plainWish, releaseFor, type WishOptions} from './delta-wishes.js';
import {runStep, useHost} from './on-host.js';
import {agreeOnEncoding, RelayDesk} from './relay-desk.js';
import type {World} from './world.js';

export interface StageResult {
  readonly host: Host;
  readonly kind: 'unchanged' | 'staged' | 'failed' | 'skipped' | 'interrupted';
  /** Bytes sent in this run. */
  readonly sentBytes: number;
  readonly problem?: Problem;
}

export interface StageOptions extends WishOptions {
  readonly app: App;
  /** Left on each host that lacks the snapshot, so that any machine can resume. */
  readonly run?: StageRequest['run'];
  readonly budget?: number;
}

/**
 * Brings a snapshot to hosts: one delta per distinct base, built once, streamed to all hosts on that base. What is served does not change.
 * A host that has the release already proves it, file by file; a damaged one is staged anew, and a damaged base is done without.
 */
export async function stageRelease(world: World, options: StageOptions): Promise<readonly StageResult[]> {
  const {app, store, hosts, states, budget} = options;
  const lacks = (host: Host): boolean => states.get(host.name)?.releases.includes(releaseFor(options, host)) !== true;
  const chosen = await chooseWishes(options);
  const wishes = app.push?.via === 'relay' ? agreeOnEncoding(hosts, chosen) : chosen;
  const shelf = new DeltaShelf(
    world,
    store,
    ({snapshot, base, encoding}) =>
      hosts.filter((host) => {
        const wish = wishes.get(host.name);
        return lacks(host) && wish?.snapshot === snapshot && wish?.base === base && wish?.encoding === encoding;
      }).length,
  );
  const shaper = openShaper(world, app);
  const lacking = hosts.filter(lacks);
  const shares = new FetchShares(app.push?.rate ?? {}, world.concurrency, lacking);
  const bucket = app.push?.via === 'store' ? new BucketShelf(world, store) : undefined;
  const relays =
    app.push?.via === 'relay'
      ? new RelayDesk(world, app, states, shaper, shares, ({snapshot, base, encoding}) =>
          hosts.filter((host) => {
            const wish = wishes.get(host.name);
            return lacks(host) && wish?.snapshot === snapshot && wish.base === base && wish.encoding === encoding;
          }),
        )
      : undefined;
  const rate = app.push?.rate;
  if (lacking.length > 0) await world.emit({kind: 'staging-started', hosts: lacking.length, ...(rate === undefined ? {} : {rate})});
  const staging = fanOut(
    hosts,
    async (host): Promise<Sent> => {
      if (!lacks(host) && (await proveRelease(world, options, host))) return {kind: 'unchanged'};
      return stageHost(world, {
        ...options,
        host,
        shelf,
        shaper,
        shares,
        bucket,
        relays,
        wish: wishes.get(host.name) ?? plainWish(releaseFor(options, host)),
      }).finally(() => shares.leave(host));
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
  const outcomes = await staging.finally(() => relays?.end());
  return outcomes.map(describeOutcome);
}

/**
 * A transfer that was cut is continued from what the host has verified: four more tries, waiting up to 1, 2, 4 and 8 s before them. A login
 * that was refused, a full disk and a host that stalled are not tried again.
 */
const usualRetries = 4;
const cutRetry = {firstDelayMs: 1000, maxDelayMs: 8000};

/** The limits of the app on all transfers of this run. */
function openShaper(world: World, app: App): RateShaper {
  const after = (ms: number, wake: () => void): (() => void) => {
    const timer = setTimeout(wake, ms);
    return () => clearTimeout(timer);
  };
  return new RateShaper(app.push?.rate ?? {}, {now: world.now, after});
}

/** Every byte of a release that was there before; a damaged one is taken away, unless it is live. */
async function proveRelease(world: World, options: StageOptions, host: Host): Promise<boolean> {
  const {app, states} = options;
  const snapshot = releaseFor(options, host);
  try {
    await runStep(world, {host, step: 'verify', action: () => useHost(world, host, app, (on) => on.verify(snapshot))});
    return true;
  } catch (error) {
    if (!isDamage(error) || states.get(host.name)?.live === snapshot) throw error;
    await useHost(world, host, app, (on) => on.discard(snapshot));
    return false;
  }
}

async function stageHost(
  world: World,
  {
    app,
    host,
    shelf,
    shaper,
    shares,
    wish,
    bucket,
    relays,
    run,
    states,
  }: StageOptions & {
    readonly host: Host;
    readonly shelf: DeltaShelf;
    readonly shaper: RateShaper;
    readonly shares: FetchShares;
    readonly wish: DeltaWish;
    readonly bucket: BucketShelf | undefined;
    readonly relays: RelayDesk | undefined;
  },
): Promise<Sent> {
  const {base} = wish;
  const send = async (from: DeltaWish): Promise<Sent> => {
    const delta = await shelf.take(from);
    const cargo = {
      delta,
      unpackedBytes: delta.unpackedBytes,
      links: app.link,
      ...(run === undefined ? {} : {run}),
      totalMs: boundTransfer({bytes: delta.bytes, rate: app.push?.rate, concurrency: world.concurrency}),
    };
    // Where its base is damaged, a host gets a delta that nobody else of its silo gets.
    if (relays !== undefined && from === wish) return useHost(world, host, app, (on) => relays.bring(host, on, cargo));
    return useHost(world, host, app, (on) => {
      const options: SendOptions = {
        ...cargo,
        host: on,
        onProgress: createTransferMeter({
          totalBytes: delta.bytes,
          now: world.now,
          report: (sentBytes) => void world.emit({kind: 'transfer', host: host.name, sentBytes, totalBytes: delta.bytes}),
        }),
        shape: (source) => shaper.shape(source, host),
      };
      return bucket === undefined
        ? sendDelta(options)
        : bucket.bring(states.get(host.name), {...options, rate: () => shares.shareOf(host)});
    });
  };
  return runStep(world, {
    host,
    step: 'stage',
    retry: {...cutRetry, attempts: (app.push?.retries ?? usualRetries) + 1},
    action: async () => {
      try {
        return await awaitBusy(world, () => send(wish));
      } catch (error) {
        if (base === undefined || !isDamage(error)) throw error;
        await world.emit({
          kind: 'warning',
          host: host.name,
          message: `release ${base.slice(0, 12)} on the host is damaged: staging without it`,
        });
        return send({...wish, base: undefined});
      }
    },
    describe: (sent) => ({
      unchanged: sent.kind === 'unchanged',
      ...describeSent(sent),
    }),
  });
}

function describeSent(sent: Sent): {detail?: string} {
  if (sent.kind === 'unchanged') return {};
  const words = [
    ...(sent.resumedBytes > 0 ? [`continued at byte ${sent.resumedBytes}`] : []),
    ...(sent.relay === undefined ? [] : [`from ${sent.relay}`]),
  ];
  return words.length === 0 ? {} : {detail: words.join(', ')};
}

function isDamage(error: unknown): boolean {
  return error instanceof VerbError && error.failure === 'damaged';
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
