import type {Writable} from 'node:stream';
import {DroverError} from '../errors/drover-error.js';
import type {EventSink} from '../inventory/app.js';
import type {Sink} from './event.js';
import {openJournal} from './journal.js';
import {createStreamSink, openFileSink} from './ndjson-sink.js';
import {createNsqSink} from './nsq-sink.js';
import {createWebhookSink} from './webhook-sink.js';

/** Where `--events` goes. */
export type NdjsonTarget = {readonly kind: 'file'; readonly file: string} | {readonly kind: 'stream'; readonly stream: Writable};

/** The consumers of one run, for `createEmitter`. */
export interface OpenedSinks {
  /** Undefined for a run that is not recorded. */
  readonly journal?: Sink & {readonly file: string};
  readonly sinks: readonly Sink[];
  /** Flushes and closes all, at most about 2 s; returns what could not be delivered, one line each. Never throws. */
  close(): Promise<readonly string[]>;
}

function openReceiver(
  receiver: EventSink,
  context: {readonly stateDir: string; readonly run: string; readonly random: () => number},
): Sink {
  switch (receiver.kind) {
    case 'nsq':
      return createNsqSink({url: receiver.url, topic: receiver.topic, ...context});
    case 'webhook':
      return createWebhookSink({url: receiver.url, ...context});
  }
}

async function closeSink(sink: Sink): Promise<readonly string[]> {
  try {
    await sink.close();
    return [];
  } catch (reason) {
    if (reason instanceof DroverError) return reason.problems.map(({message, fix}) => (fix === undefined ? message : `${message}; ${fix}`));
    return [reason instanceof Error ? reason.message : String(reason)];
  }
}

/** The one door to all consumers of events. Throws `refused` when the journal cannot be kept, `usage` for a bad `--events`. */
export async function openSinks({
  stateDir,
  run,
  receivers,
  ndjson,
  renderers = [],
  recorded = true,
  random,
}: {
  readonly stateDir: string;
  readonly run: string;
  /** `events:` of drover.yml. */
  readonly receivers: readonly EventSink[];
  readonly ndjson?: NdjsonTarget;
  /** Sinks that show the run to people; they come first. */
  readonly renderers?: readonly Sink[];
  /** False for runs that only look: they are asked for every minute and would bury the ones that matter. */
  readonly recorded?: boolean;
  /** In [0, 1). */
  readonly random: () => number;
}): Promise<OpenedSinks> {
  const lines = ndjson === undefined ? [] : [ndjson.kind === 'file' ? await openFileSink(ndjson.file) : createStreamSink(ndjson.stream)];
  const journal = recorded ? await openJournal({stateDir, run}) : undefined;
  const sinks = [...renderers, ...lines, ...receivers.map((receiver) => openReceiver(receiver, {stateDir, run, random}))];
  const open = journal === undefined ? sinks : [...sinks, journal];
  return {
    ...(journal === undefined ? {} : {journal}),
    sinks,
    close: async () => (await Promise.all(open.map(closeSink))).flat(),
  };
}
