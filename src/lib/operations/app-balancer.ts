import type {App} from '../inventory/app.js';
import {matchExpression} from '../inventory/selection.js';
import type {Balancer} from '../traffic/balancer.js';
import {openBalancer} from '../traffic/open-balancer.js';
import type {World} from './world.js';

/** The balancers in front of an app, as its `drain` names them. */
export function openAppBalancer(world: World, app: App): Balancer {
  const on = app.drain === undefined || app.drain.kind === 'file' ? undefined : app.drain.on;
  const said = new Set<string>();
  return openBalancer(app.drain, {
    balancerHosts: on === undefined ? [] : matchExpression(world.inventory, on, `apps.${app.name}.drain.on`),
    root: app.root,
    open: (host, signal) => world.links.open(host, signal),
    now: world.now,
    warn: async ({host, message}) => {
      if (said.has(message)) return;
      said.add(message);
      await world.emit({kind: 'warning', host, message});
    },
  });
}
