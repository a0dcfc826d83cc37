import {createHash} from 'node:crypto';
import type {FleetState} from './fleet-state.js';
import type {Judge} from './judge.js';
import type {SimHost} from './sim-host.js';
import type {VirtualClock} from './virtual-clock.js';

export interface KeyedWorld {
  readonly fleet: FleetState;
  readonly judge: Judge;
  readonly clock: VirtualClock;
  /** What is yet to be played, and all of the schedule that decides how. */
  readonly ahead: unknown;
}

/** Two worlds with one key go on alike, to the millisecond, once their random numbers begin anew. */
export function keyWorld({fleet, judge, clock, ahead}: KeyedWorld): string {
  return digest([ahead, clock.nowMs, clock.pending(), judge.describe(), [...fleet.out].sort(), fleet.hosts.map((host) => host.describe())]);
}

const runId = /\d{8}-\d{6}-[a-z0-9]{4}/g;
/** Times that are only there for people to read, and the moment within a boot at which a switch was armed. */
const times = {journal: /^\S+ /gm, pin: /^\S+ /, watch: /\.\d+$/};

/**
 * As `keyWorld`, for a world at rest whose times are all over: when something was is left out, and runs are told by the order in which they began.
 * Of what was not flushed nothing is told either: no power goes from here on. Undefined while a lease or a dead-man's switch still counts.
 */
export function keyRest({fleet, judge, clock, ahead}: KeyedWorld): string | undefined {
  if (clock.pending().length > 0 || fleet.hosts.some((host) => host.leaseLeft() > 0 || !host.isUp)) return undefined;
  const text = JSON.stringify([ahead, judge.describe(), [...fleet.out].sort(), fleet.hosts.map(describeAtRest)]);
  const runs = [...new Set(text.match(runId))].sort();
  const ranks = new Map(runs.map((run, index) => [run, `run-${index}`]));
  return digest(text.replace(runId, (run) => ranks.get(run) ?? run));
}

function describeAtRest(host: SimHost): unknown {
  const lease = host.verbs.readLease();
  const files = host.disk.entries().map(([path, text]) => {
    if (path === 'lease') return [path, lease?.run, lease?.epoch, lease?.owner];
    if (path === 'journal') return [path, text.replace(times.journal, '')];
    if (path.startsWith('pins/')) return [path, text.replace(times.pin, '')];
    return [path, path.endsWith('/watch') ? text.replace(times.watch, '') : text];
  });
  return [files, host.running, host.boot];
}

function digest(value: unknown): string {
  return createHash('sha1').update(JSON.stringify(value)).digest('base64');
}
