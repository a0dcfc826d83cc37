import type {ErrorCode} from '../errors/codes.js';
import type {DroverEvent, HostOutcome, RunKind, Step} from '../events/event.js';
import {countRelayedBytes, countSentBytes, judgeHost, measureRun, measureWave} from './host-ending.js';
import {foldEvents, type HostRecord, type RunModel, type WaveRecord} from './run-model.js';

/** The one object of `--json`. Fields are added, never changed, under the same `schemaVersion`. Times in milliseconds. */
export interface RunSummary {
  readonly schemaVersion: 1;
  readonly run: string;
  readonly command: RunKind | null;
  readonly app: string | null;
  readonly snapshot: string | null;
  readonly operator: string | null;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  /** `unfinished`: the journal ends before the run does. */
  readonly outcome: (DroverEvent & {readonly kind: 'run-ended'})['outcome'] | 'unfinished';
  readonly exit: number | null;
  readonly durationMs: number;
  /** Bytes of deltas that left this machine. */
  readonly sentBytes: number;
  /** Bytes of deltas that hosts took from relays. */
  readonly relayedBytes: number;
  readonly relays: readonly {readonly host: string; readonly silo: string}[];
  /** When the first wave of a timed deploy was to switch; ISO 8601, UTC. */
  readonly instant: string | null;
  /** Hosts that switched at one instant, and how far apart, by their own journals. */
  readonly switches: readonly SwitchSummary[];
  /** Once tasks that ended, and those that wait. */
  readonly tasks: readonly TaskSummary[];
  readonly waves: readonly WaveSummary[];
  readonly hosts: readonly HostSummary[];
  readonly warnings: readonly {readonly message: string; readonly host: string | null}[];
  /** The command to type when something is left to do. */
  readonly next: string | null;
}

export interface SwitchSummary {
  readonly instant: string;
  readonly hosts: number;
  readonly spreadMs: number;
  readonly lastAfterMs: number;
  /** No clock was further from the operator's than this. */
  readonly clockErrorMs: number;
}

export interface TaskSummary {
  readonly task: 'before' | 'after';
  readonly host: string | null;
  readonly outcome: 'done' | 'failed' | 'unknown' | 'held';
  /** What it said, its beginning and its end. */
  readonly output: string | null;
  readonly why: string | null;
}

export interface WaveSummary {
  readonly name: string;
  readonly silo: string | null;
  /** From 1. */
  readonly index: number;
  readonly hosts: readonly string[];
  readonly outcome: 'passed' | 'failed' | 'unfinished' | 'not-started';
  readonly durationMs: number | null;
  readonly why: string | null;
}

export interface HostSummary {
  readonly host: string;
  readonly silo: string | null;
  readonly outcome: HostOutcome;
  /** False: the run never came to this host. */
  readonly reached: boolean;
  /** What is live there now, as far as the run knows. */
  readonly release: string | null;
  /** What the release is a part of, where content is shared out. */
  readonly snapshot: string | null;
  readonly code: ErrorCode | null;
  readonly why: string | null;
  /** What it took, from wherever. */
  readonly sentBytes: number;
  /** The host that it took the delta from, or part of it. */
  readonly relay: string | null;
  readonly retries: number;
  readonly steps: readonly {readonly step: Step; readonly outcome: string; readonly ms: number | null; readonly detail: string | null}[];
}

function summarizeWave(wave: WaveRecord, model: RunModel): WaveSummary {
  return {
    name: wave.name,
    silo: wave.silo ?? null,
    index: wave.index,
    hosts: wave.hosts,
    outcome: wave.outcome ?? (wave.startedMs === undefined ? 'not-started' : 'unfinished'),
    durationMs: measureWave(wave, model.lastMs) ?? null,
    why: wave.why ?? null,
  };
}

function summarizeHost(record: HostRecord): HostSummary {
  return {
    host: record.host,
    silo: record.silo ?? null,
    ...judgeHost(record),
    release: record.release ?? null,
    snapshot: record.snapshot ?? null,
    code: record.code ?? null,
    why: record.why ?? null,
    sentBytes: record.sentBytes,
    relay: record.relay ?? null,
    retries: record.retries,
    steps: record.steps.map(({step, outcome, ms, detail}) => ({
      step,
      outcome: outcome ?? 'unfinished',
      ms: ms ?? null,
      detail: detail ?? null,
    })),
  };
}

/** The summary of a model; texts are as they came, JSON needs no escaping of its own. */
export function summarizeModel(model: RunModel): RunSummary {
  return {
    schemaVersion: 1,
    run: model.run,
    command: model.command ?? null,
    app: model.app ?? null,
    snapshot: model.snapshot ?? null,
    operator: model.operator ?? null,
    startedAt: new Date(model.startedMs).toISOString(),
    outcome: model.ended?.outcome ?? 'unfinished',
    exit: model.ended?.exit ?? null,
    durationMs: measureRun(model),
    sentBytes: countSentBytes(model),
    relayedBytes: countRelayedBytes(model),
    relays: model.relays.map(({host, silo}) => ({host, silo})),
    instant: model.instant ?? null,
    switches: model.switches.map(({instant, hosts, spreadMs, lastAfterMs, clockErrorMs}) => ({
      instant,
      hosts,
      spreadMs,
      lastAfterMs,
      clockErrorMs,
    })),
    tasks: [
      ...model.tasks.map(({task, host, outcome, output, why}) => ({task, host, outcome, output, why: why ?? null})),
      ...model.heldTasks.map(({task, why}) => ({task, host: null, outcome: 'held' as const, output: null, why})),
    ],
    waves: model.waves.map((wave) => summarizeWave(wave, model)),
    hosts: [...model.hosts.values()].map(summarizeHost),
    warnings: model.warnings.map(({message, host}) => ({message, host: host ?? null})),
    next: model.ended?.next ?? null,
  };
}

export function summarize(events: Iterable<DroverEvent>): RunSummary {
  return summarizeModel(foldEvents(events));
}
