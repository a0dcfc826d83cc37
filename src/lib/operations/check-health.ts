import {performance} from 'node:perf_hooks';
import {DroverError} from '../errors/drover-error.js';
import {fanOut} from '../fanout/fan-out.js';
import type {HostState} from '../host/host-state.js';
import type {App} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import type {Balancer, Rotation} from '../traffic/balancer.js';
import {describeProbe, type ProbeResult, probeHost} from '../traffic/probe.js';
import {namePart, nameSnapshots} from './name-snapshots.js';
import {useHost, useLink} from './on-host.js';
import {endRun, type RunEnd} from './run-end.js';
import type {World} from './world.js';

export interface HostHealth {
  readonly host: string;
  readonly silo: string;
  readonly verdict: 'healthy' | 'unhealthy' | 'unreachable';
  /** What `current` names. */
  readonly live?: string;
  /** The snapshot that the live release is a part of, where content is shared out. */
  readonly snapshot?: string;
  /** What the process says it serves. */
  readonly served?: string;
  readonly rotation?: Rotation['state'];
  readonly sessions?: number;
  /** One line each, empty when all is well. */
  readonly problems: readonly string[];
  readonly probes: readonly {readonly probe: string; readonly ok: boolean; readonly detail: string; readonly ms: number}[];
}

export interface HealthReport {
  readonly app: string;
  /** `degraded`: some hosts fail, or hosts serve different releases. `down`: in some silo no host is healthy. */
  readonly overall: 'healthy' | 'degraded' | 'down';
  readonly hosts: readonly HostHealth[];
  /** Release, or the snapshot that it is a part of -> hosts that serve it, most common first. */
  readonly releases: readonly {readonly release: string; readonly hosts: readonly string[]}[];
  readonly warnings: readonly string[];
}

/** Asks every host once: its probes, what is live and what is served, and where the balancers have it. Changes nothing, takes no lease. */
export async function checkHealth(
  world: World,
  options: {readonly app: App; readonly hosts: readonly Host[]; readonly balancer: Balancer},
): Promise<{report: HealthReport; end: RunEnd}> {
  const {app, hosts, balancer} = options;
  const startedMs = world.now();
  await world.emit({kind: 'run-started', command: 'health', app: app.name, operator: world.operator, hosts: hosts.length});
  const warnings: string[] = [];
  const rotation = await readRotation(world, balancer, hosts, warnings);
  const states = new Map<string, HostState>();
  const outcomes = await fanOut(hosts, (host) => examine(world, {app, host, rotation: rotation.get(host.name), states}), {
    concurrency: world.concurrency,
    random: world.random,
    signal: world.signal,
    drain: world.interrupted,
    retry: {attempts: 2, firstDelayMs: 200, maxDelayMs: 500},
    onOutcome: async (outcome) => {
      const health = outcome.kind === 'done' ? outcome.value : undefined;
      const why = outcome.kind === 'failed' ? outcome.problem.message : health?.problems.join('; ');
      const good = health?.verdict === 'healthy';
      const ended = outcome.kind === 'skipped' || outcome.kind === 'interrupted' ? outcome.kind : good ? 'done' : 'failed';
      await world.emit({
        kind: 'host-ended',
        host: outcome.item.name,
        outcome: ended,
        ...(health?.live === undefined ? {} : {release: health.live}),
        ...(good || why === undefined || why === '' ? {} : {why}),
      });
    },
  });
  const named = nameSnapshots(states);
  const examined = outcomes.map((outcome): HostHealth => {
    const {name} = outcome.item;
    if (outcome.kind === 'done') return {...outcome.value, ...namePart(states.get(name), named.get(name))};
    const why = outcome.kind === 'failed' ? outcome.problem.message : 'not asked: interrupted';
    return {host: outcome.item.name, silo: outcome.item.silo, verdict: 'unreachable', problems: [why], probes: []};
  });
  const report: HealthReport = {app: app.name, overall: judge(examined), hosts: examined, releases: groupReleases(examined), warnings};
  for (const message of warnings) await world.emit({kind: 'warning', message});
  const end = await endRun(
    world,
    startedMs,
    world.interrupted.aborted ? 'interrupted' : report.overall === 'healthy' ? 'converged' : 'needs-attention',
  );
  return {report, end: report.overall === 'healthy' || end.outcome === 'interrupted' ? end : {...end, exit: 10}};
}

async function readRotation(
  world: World,
  balancer: Balancer,
  hosts: readonly Host[],
  warnings: string[],
): Promise<ReadonlyMap<string, Rotation>> {
  if (balancer.kind === 'none') return new Map();
  try {
    return new Map((await balancer.read(hosts, world.signal)).map((each) => [each.host.name, each]));
  } catch (error) {
    if (!(error instanceof DroverError)) throw error;
    warnings.push(`the balancers could not be asked: ${error.message}`);
    return new Map();
  }
}

interface Examination {
  readonly app: App;
  readonly host: Host;
  readonly rotation: Rotation | undefined;
  /** Takes what the host says of itself. */
  readonly states: Map<string, HostState>;
}

async function examine(world: World, {app, host, rotation, states}: Examination): Promise<HostHealth> {
  const state = await useHost(world, host, app, (on) => on.readState());
  states.set(host.name, state);
  const probes = await useLink(world, host, (link) =>
    probeHost({host, link, root: app.root, probes: app.health, signal: world.signal, now: () => performance.now()}),
  );
  const served = probes.find((result) => result.release !== undefined)?.release;
  const problems = probes.filter((result) => !result.ok).map((result) => result.detail);
  if (state.live === undefined) problems.push('serves no release yet');
  if (state.unsafe !== undefined) problems.push(state.unsafe);
  if (served !== undefined && state.live !== undefined && !state.live.startsWith(served)) {
    problems.push(`the process serves ${served.slice(0, 12)}, current is ${state.live.slice(0, 12)}: it was not restarted`);
  }
  if (state.pausedBy !== undefined) problems.push(`its worker is paused by run ${state.pausedBy}${describeKeeper(state)}`);
  else if (rotation !== undefined && rotation.state !== 'in' && rotation.state !== 'absent')
    problems.push(`out of rotation (${rotation.state})`);
  return {
    host: host.name,
    silo: host.silo,
    verdict: problems.length === 0 ? 'healthy' : 'unhealthy',
    problems,
    probes: probes.map(describeResult),
    ...(state.live === undefined ? {} : {live: state.live}),
    ...(served === undefined ? {} : {served}),
    ...(rotation === undefined ? {} : {rotation: rotation.state, sessions: rotation.sessions}),
  };
}

function describeKeeper({pausedBy, lease}: HostState): string {
  const isAlive = lease?.run === pausedBy && lease !== undefined && lease.leftSeconds > 0;
  return isAlive ? '' : ', which has the lease no longer: a deploy or rollback of this host resumes it';
}

function describeResult(result: ProbeResult): HostHealth['probes'][number] {
  return {probe: describeProbe(result.probe), ok: result.ok, detail: result.detail, ms: Math.round(result.ms)};
}

function judge(hosts: readonly HostHealth[]): HealthReport['overall'] {
  const silos = new Set(hosts.map((host) => host.silo));
  if ([...silos].some((silo) => hosts.filter((host) => host.silo === silo).every((host) => host.verdict !== 'healthy'))) return 'down';
  const releases = new Set(hosts.flatMap((host) => (host.live === undefined ? [] : [host.snapshot ?? host.live])));
  return hosts.every((host) => host.verdict === 'healthy') && releases.size <= 1 ? 'healthy' : 'degraded';
}

function groupReleases(hosts: readonly HostHealth[]): HealthReport['releases'] {
  const groups = new Map<string, string[]>();
  for (const {host, live, snapshot = live} of hosts) {
    if (snapshot === undefined) continue;
    groups.set(snapshot, [...(groups.get(snapshot) ?? []), host]);
  }
  return [...groups].map(([release, names]) => ({release, hosts: names})).sort((a, b) => b.hosts.length - a.hosts.length);
}
