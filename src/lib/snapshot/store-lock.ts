import {randomBytes} from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {DroverError} from '../errors/drover-error.js';
import {hasEnded, listIfThere, readProcessSpace} from './durable-file.js';

/** Many may save at once; pruning is alone, since it removes what a save may be about to reuse. */
export type LockKind = 'save' | 'prune';

export interface StoreLockOptions {
  /** The folder of the lock files. */
  readonly directory: string;
  readonly kind: LockKind;
  readonly now: () => number;
  /** How long to wait for others; then `refused`. */
  readonly waitMs: number;
  readonly signal: AbortSignal;
}

const pollMs = 50;
const dayMs = 86_400_000;
const lockName = /^(save|prune)-([0-9a-f]{12})-([1-9][0-9]*)-[0-9a-f]{12}$/;

/** First a file of one's own, then a look at the others': two that exclude each other cannot both see nothing. */
function findRival({directory, kind, now}: StoreLockOptions, own: string): string | undefined {
  for (const name of listIfThere(directory)) {
    const [, other, space, pid] = lockName.exec(name) ?? [];
    if (name === own || other === undefined || space === undefined || (kind === 'save' && other === 'save')) continue;
    const file = path.join(directory, name);
    const madeMs = fs.statSync(file, {throwIfNoEntry: false})?.mtimeMs;
    if (madeMs === undefined) continue;
    if (hasEnded(space, Number(pid)) || now() - madeMs > dayMs) fs.rmSync(file, {force: true});
    else return `process ${pid} (${other}, ${file})`;
  }
  return undefined;
}

/** Runs `work` while nobody does what excludes it. A lock of a process that has ended does not count. */
export async function holdStore<Result>(options: StoreLockOptions, work: () => Promise<Result>): Promise<Result> {
  const {directory, kind, signal} = options;
  const own = `${kind}-${readProcessSpace()}-${process.pid}-${randomBytes(6).toString('hex')}`;
  const file = path.join(directory, own);
  for (let waitedMs = 0; ; waitedMs += pollMs) {
    signal.throwIfAborted();
    fs.writeFileSync(file, '', {flag: 'wx'});
    try {
      const rival = findRival(options, own);
      if (rival === undefined) return await work();
      if (waitedMs >= options.waitMs) {
        throw new DroverError({code: 'refused', message: `the store is in use by ${rival}`, fix: 'wait for it, then try again'});
      }
    } finally {
      fs.rmSync(file, {force: true});
    }
    await sleep(pollMs, undefined, {signal});
  }
}
