import type {DroverEvent, Emit, Happening, Sink} from './event.js';
import {mayBeRefused} from './mutation.js';

/** Events that one sink may be behind; further ones are left out for it. */
const backlogLimit = 10_000;

interface Listener {
  readonly sink: Sink;
  behind: number;
  reported: boolean;
}

function describe(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}

/**
 * Numbers and dates what happens, and hands it on: first to the journal, which is awaited, then to every sink in
 * order of `seq`, none of which is waited for. A sink that throws, rejects or falls 10,000 events behind is told of
 * once, as a `warning`; it never fails the run. `emit` rejects in one case only: the journal cannot keep the record
 * that begins a change (`mayBeRefused`). Records the journal could not keep otherwise are told of as a `warning` too.
 */
export function createEmitter({
  run,
  now,
  journal,
  sinks,
  firstSeq = 1,
}: {
  readonly run: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly journal?: Sink;
  readonly sinks: readonly Sink[];
  readonly firstSeq?: number;
}): Emit {
  const listeners: Listener[] = sinks.map((sink) => ({sink, behind: 0, reported: false}));
  const kept = new Map<number, DroverEvent | undefined>();
  let nextSeq = firstSeq;
  let nextToHandOn = firstSeq;
  let journalReported = false;

  function warn(message: string): void {
    // Only a record that begins a change can reject, and a warning never does.
    void emit({kind: 'warning', message});
  }

  function reportSink(listener: Listener, reason: unknown): void {
    if (listener.reported) return;
    listener.reported = true;
    warn(`events are not passed on: ${describe(reason)}`);
  }

  function handOn(listener: Listener, event: DroverEvent): void {
    if (listener.behind >= backlogLimit) {
      reportSink(listener, new Error(`a sink is ${backlogLimit} events behind and misses what follows`));
      return;
    }
    try {
      const accepted = listener.sink.accept(event);
      if (accepted === undefined) return;
      listener.behind++;
      accepted.catch((reason: unknown) => reportSink(listener, reason)).finally(() => listener.behind--);
    } catch (reason) {
      reportSink(listener, reason);
    }
  }

  function settle(seq: number, event: DroverEvent | undefined): void {
    kept.set(seq, event);
    while (kept.has(nextToHandOn)) {
      const ready = kept.get(nextToHandOn);
      kept.delete(nextToHandOn++);
      if (ready !== undefined) for (const listener of listeners) handOn(listener, ready);
    }
  }

  async function emit(happening: Happening): Promise<void> {
    const event: DroverEvent = {v: 1, seq: nextSeq++, at: new Date(now()).toISOString(), run, ...happening};
    try {
      await journal?.accept(event);
    } catch (reason) {
      const refused = mayBeRefused(happening);
      settle(event.seq, refused ? undefined : event);
      if (!journalReported) {
        journalReported = true;
        warn(`the run is no longer recorded: ${describe(reason)}`);
      }
      if (refused) throw reason;
      return;
    }
    settle(event.seq, event);
  }

  return emit;
}
