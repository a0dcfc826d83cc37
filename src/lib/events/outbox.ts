import {constants, open} from 'node:fs/promises';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {DroverError} from '../errors/drover-error.js';
import type {DroverEvent, Sink} from './event.js';
import {formatEventLine} from './event-line.js';
import {isInterim} from './interim.js';
import {makeFolders} from './make-folders.js';

const firstDelayMs = 100;
const longestDelayMs = 5_000;
const closeMs = 2_000;

/** How one try to deliver ended. `refused`: the receiver will never take it; `later`: a further try may succeed. */
export type Delivery = {readonly kind: 'taken'} | {readonly kind: 'refused' | 'later'; readonly why: string};

/** A receiver outside of the run. `post` never throws but for an abort, and has a deadline of its own. */
export interface Courier {
  /** How the receiver is called in messages; without secrets. */
  readonly name: string;
  post(event: DroverEvent, signal: AbortSignal): Promise<Delivery>;
  close(): Promise<void>;
}

function count(events: number): string {
  return `${events} event${events === 1 ? '' : 's'}`;
}

async function spool(file: string, events: readonly DroverEvent[]): Promise<void> {
  await makeFolders(path.dirname(file));
  const handle = await open(file, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW, 0o600);
  try {
    await handle.chmod(0o600);
    await handle.appendFile(events.map(formatEventLine).join(''));
  } finally {
    await handle.close();
  }
}

/**
 * Delivers events beside the run: `accept` only queues. One event is in flight at a time, in order; a try that may
 * succeed later is repeated without end, waiting `random() * min(5 s, 100 ms * 2^n)`. At most `capacity` events are
 * kept, later ones are lost for this receiver; what is left when `close` has tried for 2 s goes to `spoolFile`.
 * Trouble (a first failed try, a refused event) is thrown once, by the accept after it, which queues its event all the
 * same. Of `transfer` only the last (all bytes sent) is delivered. `close` rejects with what was not delivered and where it is.
 */
export function createOutbox({
  courier,
  spoolFile,
  random,
  capacity = 10_000,
}: {
  readonly courier: Courier;
  readonly spoolFile: string;
  /** In [0, 1). */
  readonly random: () => number;
  readonly capacity?: number;
}): Sink {
  const abort = new AbortController();
  const queue: DroverEvent[] = [];
  let dropped = 0;
  let refused = 0;
  let trouble: string | undefined;
  let told = false;
  let delivering: Promise<void> | undefined;

  async function deliverAll(): Promise<void> {
    for (let event = queue[0], tries = 0; event !== undefined && !abort.signal.aborted; event = queue[0]) {
      const delivery = await courier.post(event, abort.signal);
      if (delivery.kind !== 'taken') trouble ??= delivery.why;
      if (delivery.kind === 'later') {
        await sleep(random() * Math.min(longestDelayMs, firstDelayMs * 2 ** tries++), undefined, {signal: abort.signal});
        continue;
      }
      if (delivery.kind === 'refused') refused++;
      queue.shift();
      tries = 0;
    }
    delivering = undefined;
  }

  function start(): void {
    delivering ??= deliverAll().catch((reason: unknown) => {
      if (!abort.signal.aborted) trouble ??= String(reason);
    });
  }

  async function finish(): Promise<void> {
    const deadline = new AbortController();
    const expired = sleep(closeMs, undefined, {signal: deadline.signal}).catch(() => undefined);
    await Promise.race([delivering, expired]);
    deadline.abort();
    abort.abort();
    await delivering;
    await courier.close();
  }

  return {
    accept(event) {
      if (isInterim(event)) return;
      if (queue.length < capacity) queue.push(event);
      else dropped++;
      start();
      if (trouble === undefined || told) return;
      told = true;
      throw new Error(`${courier.name}: ${trouble}; events are kept, and the run goes on`);
    },
    async close() {
      await finish();
      if (queue.length > 0) await spool(spoolFile, queue);
      const losses = [
        queue.length > 0 ? `${count(queue.length)} not delivered and kept in ${spoolFile}` : '',
        refused > 0 ? `${count(refused)} refused` : '',
        dropped > 0 ? `${count(dropped)} lost because ${capacity} were waiting` : '',
      ].filter((loss) => loss !== '');
      if (losses.length === 0) return;
      throw new DroverError({
        code: 'unreachable',
        message: `${courier.name}: ${losses.join(', ')} (${trouble ?? 'the receiver is slow'})`,
        fix: 'the journal of the run holds them all',
      });
    },
  };
}
