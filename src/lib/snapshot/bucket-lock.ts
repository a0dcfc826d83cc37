import {randomBytes, randomInt} from 'node:crypto';
import {hostname} from 'node:os';
import {setTimeout as sleep} from 'node:timers/promises';
import {DroverError} from '../errors/drover-error.js';
import type {Bucket, ListedObject} from './bucket.js';
import {bodyOf} from './bucket-exchange.js';
import {hasEnded, readProcessSpace} from './durable-file.js';
import type {LockKind} from './store-lock.js';

export interface BucketLockOptions {
  readonly bucket: Bucket;
  readonly kind: LockKind;
  readonly now: () => number;
  /** How long to wait for others; then `refused`. */
  readonly waitMs: number;
  /** How often the lock is made young again; each minute unless told. */
  readonly renewMs?: number;
  readonly signal: AbortSignal;
}

const usualRenewMs = 60_000;
const pollMs = 1000;
/** Whoever has not renewed for so long stops: earlier than others stop counting them, by more than a signed request can be late (15 min). */
const staleMs = 4 * 60_000;
/** How long a renewal that is on its way when everything ends is waited for: one that the service carried out after the removal would stay. */
const lateMs = 5000;
/** A lock that was not renewed for so long does not count: its owner was killed. */
export const lockLifeMs = 20 * 60_000;

/** A lock in a bucket while it is held. */
export interface BucketHold {
  /** Throws `interrupted` when this machine slept so long that others may have stopped counting the lock. */
  readonly check: () => void;
}

/**
 * Runs `work` while nobody does what excludes it: many may save, pruning is alone. As with the locks of a directory, everybody writes an object of
 * their own first and lists the others' then, so that of two that exclude each other at least one sees the other. Ages are the service's own.
 */
export async function holdBucket<Result>(options: BucketLockOptions, work: (hold: BucketHold) => Promise<Result>): Promise<Result> {
  const {bucket, kind, signal} = options;
  const key = `locks/${kind}-${readProcessSpace()}-${process.pid}-${randomBytes(6).toString('hex')}`;
  for (let waitedMs = 0; ; waitedMs += pollMs) {
    signal.throwIfAborted();
    const renewal = new Renewal(options, key);
    try {
      await renewal.renew(signal);
      signal.throwIfAborted();
      const rival = await findRival(options, key);
      if (rival === undefined) return await renewal.whileRenewed(() => work({check: () => renewal.check()}), signal);
      if (waitedMs >= options.waitMs) throw refuse(bucket, rival, await bucket.get(`locks/${rival.name}`, signal));
    } finally {
      // One that stays, for want of a right or of the network, stops counting by itself.
      await bucket.remove(key, AbortSignal.timeout(renewal.isMade ? 15_000 : 2000)).catch(() => undefined);
    }
    // Two that prune must not go on meeting one another.
    await sleep(pollMs / 2 + randomInt(pollMs), undefined, {signal});
  }
}

const lockName = /^(save|prune)-([0-9a-f]{12})-([1-9][0-9]*)-[0-9a-f]{12}$/;

/** Another's lock that excludes this one; removes those that have stopped counting: of processes of this machine that have ended, and old ones. */
async function findRival({bucket, kind, signal}: BucketLockOptions, own: string): Promise<ListedObject | undefined> {
  const now = bucket.serviceNow();
  for (const lock of await bucket.listObjects('locks/', signal)) {
    const [, other, space, pid] = lockName.exec(lock.name) ?? [];
    if (`locks/${lock.name}` === own || other === undefined || space === undefined || (kind === 'save' && other === 'save')) continue;
    if (now - lock.changedMs < lockLifeMs && !hasEnded(space, Number(pid))) return lock;
    await bucket.remove(`locks/${lock.name}`, signal);
  }
  return undefined;
}

/** Keeps one lock young. */
class Renewal {
  #renewedAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly options: BucketLockOptions,
    private readonly key: string,
  ) {}

  /** What is on its way when `signal` aborts has a little longer to arrive. */
  async renew(signal: AbortSignal): Promise<void> {
    const startedMs = this.options.now();
    const owner = `${hostname()} (process ${process.pid})`;
    await abortLater(signal, (late) => this.options.bucket.replace(this.key, bodyOf(Buffer.from(owner)), late));
    this.#renewedAtMs = startedMs;
  }

  /** False when the service has never said that the lock is there. */
  get isMade(): boolean {
    return this.#renewedAtMs !== Number.NEGATIVE_INFINITY;
  }

  check(): void {
    const sinceMs = this.options.now() - this.#renewedAtMs;
    if (sinceMs >= 0 && sinceMs < staleMs) return;
    throw new DroverError({
      code: 'interrupted',
      message: `the lock in ${this.options.bucket.where} could not be renewed for ${Math.round(staleMs / 60_000)} minutes; nothing more was done there`,
      fix: 'run the same command again',
    });
  }

  async whileRenewed<Result>(work: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    const done = new AbortController();
    const renewing = this.#keepRenewing(AbortSignal.any([done.signal, signal]));
    try {
      return await work();
    } finally {
      done.abort();
      await renewing;
    }
  }

  async #keepRenewing(signal: AbortSignal): Promise<void> {
    const {renewMs = usualRenewMs} = this.options;
    try {
      for (;;) {
        await sleep(renewMs, undefined, {signal, ref: false});
        // A try that fails is followed by another; `check` tells when there were too many.
        await this.renew(signal).catch(() => undefined);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

async function abortLater<Result>(signal: AbortSignal, work: (late: AbortSignal) => Promise<Result>): Promise<Result> {
  const late = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    timer = setTimeout(() => late.abort(signal.reason), lateMs);
  };
  signal.addEventListener('abort', onAbort, {once: true});
  try {
    return await work(late.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

function refuse({where}: Bucket, {name, changedMs}: ListedObject, owner: Buffer | undefined): DroverError {
  const doing = name.startsWith('prune') ? 'is being pruned' : 'is being saved to';
  const since = new Date(changedMs).toISOString();
  return new DroverError({
    code: 'refused',
    message: `${where} ${doing} by ${owner?.toString('utf8').slice(0, 120) ?? 'somebody'}, seen last at ${since}`,
    fix: `wait for it, then try again; one that was killed stops counting after ${lockLifeMs / 60_000} minutes`,
  });
}
