import type {App, Drain, Ending} from '../inventory/app.js';
import {boundAdmitMs, boundDrainMs} from '../inventory/drain-bound.js';
import type {Host, Inventory} from '../inventory/host.js';
import {matchExpression} from '../inventory/selection.js';
import {boundWorkMs} from '../inventory/work-wait.js';
import type {Balancer} from '../traffic/balancer.js';
import {openBalancer} from '../traffic/open-balancer.js';
import {preflightWorkers, readWorkers} from './work-rotation.js';
import {findEnding, findWork, hookSeconds, untilSeconds} from './worker-role.js';
import type {World} from './world.js';

/**
 * The balancers in front of an app, as its `drain` names them; hosts of a role with an ending of its own are drained as that says. Workers that are
 * paused are in rotation while they are not; no balancer knows them, and `move-worker` pauses and resumes them.
 */
export function openAppBalancer(world: World, app: App): Balancer {
  const {drain, endings = []} = app;
  const said = new Set<string>();
  const options: Parameters<typeof openBalancer>[1] = {
    balancerHosts: balancerHosts(world.inventory, app),
    root: app.root,
    open: (host, signal) => world.links.open(host, signal),
    now: world.now,
    warn: async ({host, message}) => {
      if (said.has(message)) return;
      said.add(message);
      await world.emit({kind: 'warning', host, message});
    },
  };
  const common = openBalancer(drain, options);
  if (endings.length === 0) return common;
  const own = new Map<Ending, Balancer>();
  for (const ending of endings)
    if (drain !== undefined && ending.work === undefined) own.set(ending, openBalancer(endDrain(drain, ending), options));
  const isWorker = (host: Host): boolean => findWork(app, host) !== undefined;
  const balancerOf = (host: Host): Balancer => {
    const ending = findEnding(app, host);
    return (ending === undefined ? undefined : own.get(ending)) ?? common;
  };
  return {
    kind: common.kind,
    preflight: async (hosts, signal) => {
      const served = hosts.filter((host) => !isWorker(host));
      const problems = served.length === 0 ? [] : await common.preflight(served, signal);
      return [...problems, ...(await preflightWorkers(world, app, hosts.filter(isWorker)))];
    },
    read: async (hosts, signal) => {
      const served = hosts.filter((host) => !isWorker(host));
      const [others, workers] = await Promise.all([
        served.length === 0 ? [] : common.read(served, signal),
        readWorkers(world, app, hosts.filter(isWorker)),
      ]);
      const seen = new Map([...others, ...workers].map((each) => [each.host.name, each]));
      return hosts.flatMap((host) => seen.get(host.name) ?? []);
    },
    drain: (host, signal) => balancerOf(host).drain(host, signal),
    admit: (host, signal) => balancerOf(host).admit(host, signal),
  };
}

/** The hosts on which the balancers of an app are told; empty where `drain.on` names none. */
export function balancerHosts(inventory: Inventory, {name, drain}: App): readonly Host[] {
  const on = drain === undefined || drain.kind === 'file' ? undefined : drain.on;
  return on === undefined ? [] : matchExpression(inventory, on, `apps.${name}.drain.on`);
}

function endDrain(drain: Drain, {waitMs = drain.waitMs, then = drain.then}: Ending): Drain {
  const {longestMs, ...rest} = drain;
  return {...rest, waitMs, then, ...(then === 'wait' ? {longestMs: Math.max(longestMs ?? waitMs, waitMs)} : {})} as Drain;
}

/** The longest that a host of this app may take to leave rotation, whatever its role; a worker that is given up is resumed in that time. */
export function longestDrainMs({drain, endings = []}: App): number {
  const bounds = endings.map((ending) => {
    if (ending.work !== undefined) return boundWorkMs(ending.work) + (2 * hookSeconds + untilSeconds) * 1000;
    return boundDrainMs(drain === undefined ? drain : endDrain(drain, ending));
  });
  return Math.max(boundDrainMs(drain), ...bounds);
}

/** The longest that a host of this app may take to be at work again, whatever its role. */
export function longestAdmitMs({drain, endings = []}: App): number {
  return boundAdmitMs(drain) + (endings.some(({work}) => work !== undefined) ? hookSeconds * 1000 : 0);
}
