import {mkdtemp, readFile, rm} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import type {DroverEvent} from '../../src/lib/events/event.js';
import {type Courier, createOutbox, type Delivery} from '../../src/lib/events/outbox.js';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'drover-outbox-'));
});
afterEach(() => rm(dir, {recursive: true, force: true}));

const makeEvent = (seq: number): DroverEvent => ({v: 1, seq, at: '2026-11-21T09:30:12.000Z', run: 'r', kind: 'warning', message: ''});

/** Each delivery waits for the test to say how it ended; an abort ends it as `later`. */
function createScriptedCourier(): Courier & {readonly posted: number[]; answer(delivery: Delivery): Promise<void>} {
  const posted: number[] = [];
  let settle: (delivery: Delivery) => void = () => undefined;
  return {
    name: 'receiver',
    posted,
    post: (event, signal) =>
      new Promise((resolve) => {
        posted.push(event.seq);
        settle = resolve;
        signal.addEventListener('abort', () => resolve({kind: 'later', why: 'aborted'}));
      }),
    close: () => Promise.resolve(),
    async answer(delivery) {
      settle(delivery);
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

describe('createOutbox', () => {
  it('tells of trouble once, with the accept that follows it, and delivers that event too', async () => {
    const courier = createScriptedCourier();
    const outbox = createOutbox({courier, spoolFile: path.join(dir, 'spool'), random: () => 0});
    void outbox.accept(makeEvent(1));
    await courier.answer({kind: 'refused', why: 'answered 400'});
    expect(() => outbox.accept(makeEvent(2))).toThrow('receiver: answered 400; events are kept, and the run goes on');
    expect(outbox.accept(makeEvent(3))).toBeUndefined();
    await courier.answer({kind: 'taken'});
    await courier.answer({kind: 'taken'});
    expect(courier.posted).toEqual([1, 2, 3]);
    await expect(outbox.close()).rejects.toThrow('receiver: 1 event refused (answered 400)');
  });

  it('keeps no more than its capacity and counts what was lost', async () => {
    const courier = createScriptedCourier();
    const spoolFile = path.join(dir, 'spool', 'left.ndjson');
    const outbox = createOutbox({courier, spoolFile, random: () => 0, capacity: 2});
    for (const seq of [1, 2, 3, 4, 5]) void outbox.accept(makeEvent(seq));
    await expect(outbox.close()).rejects.toThrow(`2 events not delivered and kept in ${spoolFile}, 3 events lost because 2 were waiting`);
    expect((await readFile(spoolFile, 'utf8')).trimEnd().split('\n')).toHaveLength(2);
  });
});
