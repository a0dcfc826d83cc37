import path from 'node:path';
import type {Sink} from './event.js';
import {createHttpCourier} from './http-courier.js';
import {createOutbox} from './outbox.js';

/**
 * Publishes the life of a run to nsqd over HTTP: `POST /pub?topic=…`, one message an event, all kinds but `transfer`.
 * A stopped, slow or absent nsqd never slows or fails a run; what is left 2 s after the end is in
 * `<stateDir>/spool/nsq-<topic>-<run>.ndjson`. nsqd delivers at least once and in no order: consumers use `run` and `seq`.
 */
export function createNsqSink({
  url,
  topic,
  stateDir,
  run,
  random,
}: {
  readonly url: string;
  readonly topic: string;
  readonly stateDir: string;
  readonly run: string;
  readonly random: () => number;
}): Sink {
  const target = new URL('pub', url.endsWith('/') ? url : `${url}/`);
  target.searchParams.set('topic', topic);
  const outbox = createOutbox({
    courier: createHttpCourier({name: `nsqd at ${target.origin}, topic ${topic}`, url: target}),
    spoolFile: path.join(stateDir, 'spool', `nsq-${topic.replace(/[^.\w-]/g, '_')}-${run}.ndjson`),
    random,
  });
  return {accept: (event) => (event.kind === 'transfer' ? undefined : outbox.accept(event)), close: () => outbox.close()};
}
