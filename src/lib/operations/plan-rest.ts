import type {HostState} from '../host/host-state.js';
import type {PlannedHost, RolloutPlan} from '../rollout/plan.js';
import type {Rotation} from '../traffic/balancer.js';
import {hasConverged} from './deploy-app.js';
import {hasMoved, type OnceDecisions, planOnceRest} from './once-rest.js';

/**
 * What is left of a plan, by the hosts' own word. Hosts that have arrived stay in it, so that they go back with the others if the release
 * turns out bad; they are not moved again. A deploy that some host has taken back by itself only goes back.
 */
export function planRest(
  plan: RolloutPlan,
  states: ReadonlyMap<string, HostState>,
  rotation: readonly Rotation[],
  decisions?: OnceDecisions,
): RolloutPlan {
  const turned = plan.command === 'deploy' ? [...states].filter(([, state]) => state.decisions.get(plan.run) === 'reverted') : [];
  const hosts = plan.hosts.flatMap((host): readonly PlannedHost[] => {
    const state = states.get(host.name);
    const begun = hasMoved(plan, state);
    if (turned.length > 0) return state !== undefined && !begun ? [] : [{...host, earlier: 'begun'}];
    const arrived = hasConverged(state, host.to, rotation, host.name);
    if (arrived && !begun && !state?.openRuns.includes(plan.run)) return [];
    return [{...host, ...(arrived ? {earlier: 'done'} : begun ? {earlier: 'begun'} : {})}];
  });
  const left = new Set(hosts.filter((host) => host.earlier !== 'done').map((host) => host.name));
  const waves = plan.waves.flatMap((wave) => {
    const names = wave.hosts.filter((name) => left.has(name));
    return names.length === 0 ? [] : [{...wave, hosts: names}];
  });
  const pin = [...states.values()].flatMap(({pins}) => pins).find(({run}) => run === plan.run);
  const pinned = pin === undefined ? {} : {pinned: pin.why};
  const back = turned.length === 0 ? {} : {back: `${turned.map(([name]) => name).join(', ')} took the release back`, ...pinned};
  return {...plan, hosts, waves, ...planOnceRest(plan, states, decisions), ...back};
}
