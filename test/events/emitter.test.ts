import {describe, expect, it} from 'vitest';
import {createEmitter} from '../../src/lib/events/emitter.js';
import type {DroverEvent, Happening, Sink} from '../../src/lib/events/event.js';

const run = '20261121-093012-7f3a';
const now = (): number => Date.UTC(2026, 10, 21, 9, 30, 12);
const step: Happening = {kind: 'step-started', host: 'web1', step: 'switch'};
const note: Happening = {kind: 'warning', message: 'note'};

function collect(): Sink & {readonly events: DroverEvent[]} {
  const events: DroverEvent[] = [];
  return {events, accept: (event) => void events.push(event), close: () => Promise.resolve()};
}

function sinkOf(accept: Sink['accept']): Sink {
  return {accept, close: () => Promise.resolve()};
}

describe('createEmitter', () => {
  it('stamps version, number, time and run', async () => {
    const sink = collect();
    const emit = createEmitter({run, now, sinks: [sink]});
    await emit(step);
    await emit(note);
    expect(sink.events).toEqual([
      {v: 1, seq: 1, at: '2026-11-21T09:30:12.000Z', run, ...step},
      {v: 1, seq: 2, at: '2026-11-21T09:30:12.000Z', run, ...note},
    ]);
  });

  it('hands an event on only when the journal has it, and in order', async () => {
    const sink = collect();
    const waiting: (() => void)[] = [];
    const journal = sinkOf(() => new Promise((resolve) => waiting.push(resolve)));
    const emit = createEmitter({run, now, journal, sinks: [sink]});
    const both = [emit(step), emit(note)];
    waiting[1]?.();
    await both[1];
    expect(sink.events).toEqual([]);
    waiting[0]?.();
    await both[0];
    expect(sink.events.map(({seq}) => seq)).toEqual([1, 2]);
  });

  it('tells once of a sink that throws, and the run goes on', async () => {
    const sink = collect();
    const broken = sinkOf(() => {
      throw new Error('no paper');
    });
    const emit = createEmitter({run, now, sinks: [broken, sink]});
    await emit(step);
    await emit(step);
    expect(sink.events.filter(({kind}) => kind === 'warning')).toMatchObject([{message: 'events are not passed on: no paper'}]);
  });

  it('tells once of a sink that rejects, and does not wait for one that hangs', async () => {
    const sink = collect();
    const emit = createEmitter({
      run,
      now,
      sinks: [sinkOf(() => Promise.reject(new Error('gone'))), sinkOf(() => new Promise(() => undefined)), sink],
    });
    await emit(step);
    await emit(step);
    await emit(step);
    expect(sink.events.filter(({kind}) => kind === 'warning')).toMatchObject([{message: 'events are not passed on: gone'}]);
  });

  it('leaves a sink alone that is 10,000 events behind', async () => {
    let taken = 0;
    const stuck = sinkOf(() => {
      taken++;
      return new Promise(() => undefined);
    });
    const sink = collect();
    const emit = createEmitter({run, now, sinks: [stuck, sink]});
    for (let count = 0; count < 10_050; count++) await emit(step);
    expect(taken).toBe(10_000);
    expect(sink.events.filter(({kind}) => kind === 'warning')).toHaveLength(1);
  });

  it('A10: refuses to begin a change that cannot be recorded, and nobody hears of it', async () => {
    const sink = collect();
    const emit = createEmitter({run, now, journal: sinkOf(() => Promise.reject(new Error('/state is full'))), sinks: [sink]});
    await expect(emit(step)).rejects.toThrow('/state is full');
    expect(sink.events.map(({kind}) => kind)).toEqual(['warning']);
    await expect(emit({kind: 'run-started', command: 'deploy', operator: 'ana', hosts: 1})).rejects.toThrow();
  });

  it('A10: lets a host that is half way be finished or reverted when nothing can be recorded', async () => {
    const sink = collect();
    const emit = createEmitter({run, now, journal: sinkOf(() => Promise.reject(new Error('/state is full'))), sinks: [sink]});
    await emit({kind: 'step-ended', host: 'web1', step: 'switch', outcome: 'done', ms: 1});
    for (const restoring of ['restart', 'health', 'admit', 'confirm', 'revert', 'release'] as const)
      await emit({kind: 'step-started', host: 'web1', step: restoring});
    expect(sink.events.filter(({kind}) => kind === 'step-started')).toHaveLength(6);
    expect(sink.events.filter(({kind}) => kind === 'warning')).toMatchObject([{message: 'the run is no longer recorded: /state is full'}]);
  });
});
