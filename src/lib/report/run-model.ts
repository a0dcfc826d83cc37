import type {ErrorCode} from '../errors/codes.js';
import type {DroverEvent, HostOutcome, RunKind, Sink, Step, WavePlan} from '../events/event.js';

/** One step of one host. Times are milliseconds since the epoch; without `endedMs` it is going on, or its end is unknown. */
export interface StepRecord {
  readonly step: Step;
  readonly startedMs: number;
  endedMs?: number;
  outcome?: 'done' | 'unchanged' | 'failed' | 'interrupted';
  /** As the step measured it. */
  ms?: number;
  detail?: string;
}

export interface HostRecord {
  readonly host: string;
  silo?: string;
  wave?: string;
  readonly steps: StepRecord[];
  retries: number;
  /** What it took, from wherever. */
  sentBytes: number;
  /** How much of that came from a relay. */
  relayedBytes: number;
  relay?: string;
  totalBytes: number;
  outcome?: HostOutcome;
  endedMs?: number;
  release?: string;
  /** What the release is a part of. */
  snapshot?: string;
  code?: ErrorCode;
  why?: string;
  warmed?: DroverEvent & {readonly kind: 'warmed'};
}

export interface WaveRecord {
  readonly name: string;
  readonly silo?: string;
  /** From 1. */
  readonly index: number;
  readonly of: number;
  readonly hosts: readonly string[];
  startedMs?: number;
  endedMs?: number;
  outcome?: 'passed' | 'failed';
  ms?: number;
  why?: string;
}

export interface Warning {
  readonly atMs: number;
  readonly message: string;
  readonly host?: string;
  readonly unsafe?: string;
}

/** All that is known of a run so far: the fold of its events, from which terminal, JSON and HTML are made alike. */
export interface RunModel {
  run: string;
  command?: RunKind;
  app?: string;
  snapshot?: string;
  operator?: string;
  reason?: string;
  /** Hosts that were selected. */
  selected: number;
  planDigest?: string;
  boundMs?: number;
  /** When the first wave of a timed deploy is to switch; ISO 8601, UTC. */
  instant?: string;
  startedMs: number;
  /** When the last event happened. */
  lastMs: number;
  readonly waves: WaveRecord[];
  readonly hosts: Map<string, HostRecord>;
  readonly deltas: (DroverEvent & {readonly kind: 'delta-built'})[];
  /** One for each instant at which hosts switched together. */
  /** Once tasks that ended, and those that wait. */
  readonly tasks: (DroverEvent & {readonly kind: 'task-ended'})[];
  readonly heldTasks: (DroverEvent & {readonly kind: 'task-held'})[];
  readonly switches: (DroverEvent & {readonly kind: 'switched-together'})[];
  readonly relays: {readonly host: string; readonly silo: string; readonly peers: number}[];
  readonly warnings: Warning[];
  rollback?: {readonly atMs: number; readonly hosts: readonly string[]; readonly why: string};
  ended?: DroverEvent & {readonly kind: 'run-ended'};
}

export function createRunModel(): RunModel {
  return {
    run: '',
    selected: 0,
    startedMs: 0,
    lastMs: 0,
    waves: [],
    hosts: new Map(),
    deltas: [],
    relays: [],
    switches: [],
    tasks: [],
    heldTasks: [],
    warnings: [],
  };
}

function touchHost(model: RunModel, host: string): HostRecord {
  const known = model.hosts.get(host);
  if (known !== undefined) return known;
  const added: HostRecord = {host, steps: [], retries: 0, sentBytes: 0, relayedBytes: 0, totalBytes: 0};
  model.hosts.set(host, added);
  return added;
}

function planWaves(model: RunModel, waves: readonly WavePlan[]): void {
  model.waves.length = 0;
  waves.forEach(({name, silo, hosts}, index) => {
    model.waves.push({name, silo, index: index + 1, of: waves.length, hosts});
    for (const host of hosts) Object.assign(touchHost(model, host), {silo, wave: name});
  });
}

function startWave(model: RunModel, event: DroverEvent & {readonly kind: 'wave-started'}, atMs: number): void {
  const planned = model.waves.find(({name, startedMs}) => name === event.wave && startedMs === undefined);
  if (planned !== undefined) {
    planned.startedMs = atMs;
    return;
  }
  model.waves.push({name: event.wave, index: event.index, of: event.of, hosts: event.hosts, startedMs: atMs});
  for (const host of event.hosts) touchHost(model, host).wave = event.wave;
}

function endStep(record: HostRecord, event: DroverEvent & {readonly kind: 'step-ended'}, atMs: number): void {
  const open = record.steps.findLast(({step, endedMs}) => step === event.step && endedMs === undefined);
  const step: StepRecord = open ?? {step: event.step, startedMs: atMs - event.ms};
  if (open === undefined) record.steps.push(step);
  Object.assign(step, {endedMs: atMs, outcome: event.outcome, ms: event.ms, ...(event.detail === undefined ? {} : {detail: event.detail})});
}

function takeBytes(record: HostRecord, {sentBytes, totalBytes, relay}: DroverEvent & {readonly kind: 'transfer'}): void {
  if (relay !== undefined) {
    record.relayedBytes += Math.max(0, sentBytes - record.sentBytes);
    record.relay = relay;
  }
  // A transfer that begins anew takes back what it had counted.
  record.relayedBytes = Math.min(record.relayedBytes, sentBytes);
  Object.assign(record, {sentBytes, totalBytes});
}

function startRun(model: RunModel, event: DroverEvent & {readonly kind: 'run-started'}, atMs: number): void {
  const {command, app, snapshot, operator, reason} = event;
  Object.assign(model, {run: event.run, command, app, snapshot, operator, reason, selected: event.hosts, startedMs: atMs});
}

/** Takes one more event into the model. Events come in the order of `seq`. */
export function applyEvent(model: RunModel, event: DroverEvent): void {
  const atMs = Date.parse(event.at);
  if (model.startedMs === 0) Object.assign(model, {run: event.run, startedMs: atMs});
  model.lastMs = Math.max(model.lastMs, atMs);
  switch (event.kind) {
    case 'run-started':
      startRun(model, event, atMs);
      return;
    case 'planned':
      Object.assign(model, {planDigest: event.digest, boundMs: event.boundMs, instant: event.instant});
      if (event.snapshot !== undefined) model.snapshot = event.snapshot;
      planWaves(model, event.waves);
      return;
    case 'waiting':
      return;
    case 'switched-together':
      model.switches.push(event);
      return;
    case 'wave-started':
      startWave(model, event, atMs);
      return;
    case 'wave-ended': {
      const wave = model.waves.findLast(
        ({name, endedMs, startedMs}) => name === event.wave && startedMs !== undefined && endedMs === undefined,
      );
      if (wave !== undefined) Object.assign(wave, {endedMs: atMs, outcome: event.outcome, ms: event.ms, why: event.why});
      return;
    }
    case 'step-started':
      touchHost(model, event.host).steps.push({step: event.step, startedMs: atMs});
      return;
    case 'step-ended':
      endStep(touchHost(model, event.host), event, atMs);
      return;
    case 'retrying':
      touchHost(model, event.host).retries++;
      return;
    case 'staging-started':
    case 'link-chosen':
      return;
    case 'transfer':
      takeBytes(touchHost(model, event.host), event);
      return;
    case 'relay-started': {
      const {host, silo, peers} = event;
      model.relays.push({host, silo, peers});
      return;
    }
    case 'delta-built':
      model.deltas.push(event);
      return;
    case 'host-ended': {
      const {outcome, release, snapshot, code, why} = event;
      Object.assign(touchHost(model, event.host), {outcome, release, snapshot, code, why, endedMs: atMs});
      return;
    }
    case 'warmed':
      touchHost(model, event.host).warmed = event;
      return;
    case 'task-ended':
      model.tasks.push(event);
      return;
    case 'task-held':
      model.heldTasks.push(event);
      return;
    case 'rolling-back':
      model.rollback = {atMs, hosts: event.hosts, why: event.why};
      return;
    case 'warning':
      model.warnings.push({
        ...{atMs, message: event.message},
        ...(event.host === undefined ? {} : {host: event.host}),
        ...(event.unsafe === undefined ? {} : {unsafe: event.unsafe}),
      });
      return;
    case 'run-ended':
      model.ended = event;
      return;
  }
}

/** The model of a whole run. */
export function foldEvents(events: Iterable<DroverEvent>): RunModel {
  const model = createRunModel();
  for (const event of events) applyEvent(model, event);
  return model;
}

/** A sink that keeps a model up to date, for whoever reports at the end. */
export function createModelSink(): {readonly model: RunModel; readonly sink: Sink} {
  const model = createRunModel();
  return {model, sink: {accept: (event) => applyEvent(model, event), close: () => Promise.resolve()}};
}
