import type {Problem} from '../errors/drover-error.js';
import {fanOut} from '../fanout/fan-out.js';
import type {HostState} from '../host/host-state.js';
import type {App} from '../inventory/app.js';
import {foldHostSet} from '../inventory/folded-hosts.js';
import type {Host} from '../inventory/host.js';
import {runStep, useHost} from './on-host.js';
import type {World} from './world.js';

/** What each host says of itself, or why it says nothing. In the order of `hosts`. */
export interface FleetReport {
  readonly states: ReadonlyMap<string, HostState>;
  readonly problems: ReadonlyMap<string, Problem>;
}

/** Asks every host; changes nothing. A host that does not answer is a problem of that host, not of the fleet. */
export async function readFleet(world: World, app: App, hosts: readonly Host[]): Promise<FleetReport> {
  const states = new Map<string, HostState>();
  const problems = new Map<string, Problem>();
  const outcomes = await fanOut(
    hosts,
    (host) => runStep(world, {host, step: 'read-state', action: () => useHost(world, host, app, (on) => on.readState())}),
    {
      concurrency: world.concurrency,
      retry: {attempts: 1, firstDelayMs: 0, maxDelayMs: 0},
      random: world.random,
      signal: world.signal,
      drain: world.interrupted,
    },
  );
  for (const outcome of outcomes) {
    if (outcome.kind === 'done') states.set(outcome.item.name, outcome.value);
    else if (outcome.kind === 'failed') problems.set(outcome.item.name, outcome.problem);
    else
      problems.set(outcome.item.name, {
        code: 'interrupted',
        message: `${outcome.item.name}: not asked: interrupted`,
        host: outcome.item.name,
      });
  }
  await tellForgotten(world, app, states);
  return {states, problems};
}

/** A keeper on the host resumes a worker whose run has gone, but does not outlive a reboot: the note does, and whoever reads it says so. */
async function tellForgotten(world: World, app: App, states: ReadonlyMap<string, HostState>): Promise<void> {
  const forgotten = [...states].filter(
    ([, {pausedBy, lease}]) => pausedBy !== undefined && (lease?.run !== pausedBy || lease.leftSeconds === 0),
  );
  for (const run of new Set(forgotten.map(([, {pausedBy}]) => pausedBy))) {
    const names = foldHostSet(forgotten.filter(([, {pausedBy}]) => pausedBy === run).map(([name]) => name));
    const message = `${names}: paused by run ${run}, which has the lease no longer; if it stays so, a deploy or rollback resumes it: --hosts ${names}`;
    await world.emit({kind: 'warning', message: `worker of ${app.name} on ${message}`});
  }
}

/** What makes a host unfit to be changed, in its own words; empty when all are fit. */
export function findUnfit(fleet: FleetReport): readonly Problem[] {
  return [...fleet.states].flatMap(([host, state]): Problem[] => {
    if (state.missing.length > 0) {
      return [
        {
          code: 'unsupported',
          message: `${host}: missing on the host: ${state.missing.join(', ')}`,
          host,
          fix: 'install them (coreutils, util-linux, tar, gzip, gawk or BusyBox)',
        },
      ];
    }
    if (state.unsafe !== undefined) return [{code: 'refused', message: `${host}: ${state.unsafe}`, host}];
    return [];
  });
}
