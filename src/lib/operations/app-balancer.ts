import type {App, Drain, Ending} from '../inventory/app.js';
import {boundDrainMs} from '../inventory/drain-bound.js';
import type {Host, Inventory} from '../inventory/host.js';
import {matchExpression} from '../inventory/selection.js';
import type {Balancer} from '../traffic/balancer.js';
import {openBalancer} from '../traffic/open-balancer.js';
import type {World} from './world.js';

/** The balancers in front of an app, as its `drain` names them; hosts of a role with an ending of its own are drained as that says. */
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
  if (drain === undefined || endings.length === 0) return common;
  const own = new Map(endings.map((ending) => [ending, openBalancer(endDrain(drain, ending), options)]));
  const balancerOf = (host: Host): Balancer => {
    const ending = findEnding(app, host);
    return (ending === undefined ? undefined : own.get(ending)) ?? common;
  };
  return {
    ...common,
    drain: (host, signal) => balancerOf(host).drain(host, signal),
    admit: (host, signal) => balancerOf(host).admit(host, signal),
  };
}

/** The hosts on which the balancers of an app are told; empty where `drain.on` names none. */
export function balancerHosts(inventory: Inventory, {name, drain}: App): readonly Host[] {
  const on = drain === undefined || drain.kind === 'file' ? undefined : drain.on;
  return on === undefined ? [] : matchExpression(inventory, on, `apps.${name}.drain.on`);
}

/** The first ending whose role the host has. */
export function findEnding({endings = []}: App, host: Pick<Host, 'roles'>): Ending | undefined {
  return endings.find(({role}) => host.roles.includes(role));
}

function endDrain(drain: Drain, {waitMs = drain.waitMs, then = drain.then}: Ending): Drain {
  const {longestMs, ...rest} = drain;
  return {...rest, waitMs, then, ...(then === 'wait' ? {longestMs: Math.max(longestMs ?? waitMs, waitMs)} : {})} as Drain;
}

/** The longest that a host of this app may take to leave rotation, whatever its role. */
export function longestDrainMs({drain, endings = []}: App): number {
  if (drain === undefined) return boundDrainMs(drain);
  return Math.max(boundDrainMs(drain), ...endings.map((ending) => boundDrainMs(endDrain(drain, ending))));
}
