import type {DroverEvent} from '../events/event.js';
import {describeRate} from '../inventory/byte-rate.js';
import {foldHostSet} from '../inventory/folded-hosts.js';
import {cleanText} from './foreign-text.js';
import type {Paint} from './palette.js';
import {formatBytes, formatCount, formatDuration, shortenId} from './quantity.js';

/** One line for people, safe for a terminal, and what it means. */
export interface Line {
  readonly text: string;
  readonly paint?: Paint;
}

function append(text: string, detail: string | undefined): string {
  return detail === undefined || detail === '' ? text : `${text}  ${detail}`;
}

function describeStart(event: DroverEvent & {readonly kind: 'run-started'}): string {
  const what = [event.command, event.app, event.snapshot === undefined ? undefined : shortenId(event.snapshot)].filter(
    (word) => word !== undefined,
  );
  const reason = event.reason === undefined ? '' : `, ${event.reason}`;
  return `${what.join(' ')}: run ${event.run} on ${formatCount(event.hosts, 'host')} by ${event.operator}${reason}`;
}

function describeHost(event: DroverEvent & {readonly kind: 'host-ended'}): Line {
  const text = append(`${event.host} ${event.outcome}`, [event.code, event.why].filter((part) => part !== undefined).join(': '));
  if (event.outcome === 'done' || event.outcome === 'unchanged') return {text};
  return {text, paint: event.outcome === 'failed' || event.outcome === 'interrupted' ? 'bad' : 'warn'};
}

function describeStep(event: DroverEvent & {readonly kind: 'step-ended'}): Line {
  const text = append(`${event.host} ${event.step} ${event.outcome} ${formatDuration(event.ms)}`, event.detail);
  return event.outcome === 'failed' || event.outcome === 'interrupted' ? {text, paint: 'bad'} : {text};
}

/** `12 hosts switched within 0.21 s, …`. */
export function describeTogether(event: {
  readonly hosts: number;
  readonly spreadMs: number;
  readonly lastAfterMs: number;
  readonly clockErrorMs: number;
}): string {
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;
  const {hosts, spreadMs, lastAfterMs, clockErrorMs} = event;
  const apart = hosts === 1 ? 'switched' : `switched within ${seconds(spreadMs)}`;
  return `${formatCount(hosts, 'host')} ${apart}, the last ${seconds(lastAfterMs)} after its time; clocks off by ${clockErrorMs} ms at most`;
}

function describeApprovals(names: readonly string[]): string {
  return names.length === 0 ? '' : `, approved by ${names.join(', ')}`;
}

const linesShown = 6;

/** How a once task ended; when it did not end well, with the last that it said. */
export function describeTask({task, host, outcome, output, why}: TaskEnding): Line {
  const text = append(`once.${task} ${outcome} on ${host}`, why);
  if (outcome === 'done') return {text, paint: 'good'};
  const said = output.trimEnd().split('\n').slice(-linesShown).join(' | ').trim();
  return {text: append(text, said === '' ? undefined : `it said: ${said}`), paint: 'bad'};
}

type TaskEnding = Omit<DroverEvent & {readonly kind: 'task-ended'}, 'v' | 'seq' | 'at' | 'run' | 'kind'>;

function describe(event: DroverEvent): Line | undefined {
  switch (event.kind) {
    case 'run-started':
      return {text: describeStart(event), paint: 'strong'};
    case 'planned': {
      const hosts = event.waves.reduce((sum, wave) => sum + wave.hosts.length, 0);
      const size = `${formatCount(hosts, 'host')} in ${formatCount(event.waves.length, 'wave')}`;
      const at = event.instant === undefined ? '' : `, first at ${event.instant}`;
      const by = event.author === undefined ? '' : `, by ${event.author}${describeApprovals(event.approvedBy ?? [])}`;
      return {text: `plan ${shortenId(event.digest)}: ${size}, at most ${formatDuration(event.boundMs)}${at}${by}`};
    }
    case 'staging-started': {
      const limits = describeRate(event.rate);
      return {text: `staging on ${formatCount(event.hosts, 'host')}${limits === undefined ? '' : `, at most ${limits}`}`};
    }
    case 'waiting':
      return {
        text: `all is prepared; waiting for ${event.until.slice(0, 19)}Z, ${formatDuration(Date.parse(event.until) - Date.parse(event.at))} from now`,
      };
    case 'switched-together':
      return {text: describeTogether(event), paint: 'good'};
    case 'delta-built':
      return {text: `delta of ${formatCount(event.files, 'file')}, ${formatBytes(event.bytes)}, for ${formatCount(event.hosts, 'host')}`};
    case 'relay-started':
      return {
        text: `${event.host} relays ${formatBytes(event.bytes)} in silo ${event.silo} to up to ${formatCount(event.peers, 'host')}`,
      };
    case 'wave-started':
      return {text: `wave ${event.index}/${event.of} ${event.wave}  ${foldHostSet(event.hosts)}`, paint: 'strong'};
    case 'wave-ended':
      return {
        text: append(`wave ${event.wave} ${event.outcome} ${formatDuration(event.ms)}`, event.why),
        paint: event.outcome === 'passed' ? 'good' : 'bad',
      };
    case 'step-ended':
      return describeStep(event);
    case 'retrying':
      return {
        text: append(`${event.host} ${event.step} retry ${event.attempt}/${event.of} in ${formatDuration(event.waitMs)}`, event.why),
        paint: 'warn',
      };
    case 'warmed': {
      const hits = event.hitRatio === undefined ? '' : `, ${(event.hitRatio * 100).toFixed(1)} % hits`;
      return {
        text: `${event.host} warmed ${formatCount(event.urls, 'URL')}, ${event.failed} failed, p50 ${event.coldP50Ms} -> ${event.warmP50Ms} ms${hits}`,
      };
    }
    case 'host-ended':
      return describeHost(event);
    case 'task-ended':
      return describeTask(event);
    case 'task-held':
      return {text: `once.${event.task} waits  ${event.why}`, paint: 'warn'};
    case 'rolling-back':
      return {text: append(`rolling back ${foldHostSet(event.hosts)}`, event.why), paint: 'bad'};
    case 'warning':
      return {
        text: `warning: ${event.host === undefined ? '' : `${event.host}: `}${event.message}`,
        paint: event.unsafe === undefined ? 'warn' : 'bad',
      };
    case 'run-ended': {
      const next = event.next === undefined ? '' : `; next: ${event.next}`;
      return {
        text: `${event.outcome} after ${formatDuration(event.ms)}, exit ${event.exit}${next}`,
        paint: event.exit === 0 ? 'good' : 'bad',
      };
    }
    case 'step-started':
    case 'link-chosen':
    case 'transfer':
      return undefined;
  }
}

/** An event in one line, foreign text made harmless; undefined for what is only counted. */
export function describeEvent(event: DroverEvent): Line | undefined {
  const line = describe(event);
  return line === undefined ? undefined : {...line, text: cleanText(line.text)};
}

/** Whether an event tells of something that did not go as planned with one host. */
export function isTrouble(event: DroverEvent): boolean {
  if (event.kind === 'step-ended') return event.outcome === 'failed' || event.outcome === 'interrupted';
  if (event.kind === 'host-ended') return event.outcome !== 'done' && event.outcome !== 'unchanged';
  if (event.kind === 'task-ended') return event.outcome !== 'done';
  return event.kind === 'warning' || event.kind === 'rolling-back' || event.kind === 'task-held';
}
