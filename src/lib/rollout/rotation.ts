import {isLeaving, mustGoBack} from './host-stage.js';
import {openWaves, silosOf} from './plan.js';
import {type Answer, joinAnswers, type RolloutState} from './state.js';

/** Asks the balancers for a silo that still has hosts to move, once at a time. */
export function askRotation(state: RolloutState, silo: string, afterMs = 0): Answer {
  if (state.asked.has(silo) || waitingHosts(state, silo).length === 0) return {state, effects: []};
  const leaving = new Set(leavingIn(state, silo));
  return {state: {...state, asked: new Map(state.asked).set(silo, leaving)}, effects: [{kind: 'read-rotation', silo, afterMs}]};
}

/** As `hostsLeaving`; of every silo where holders of one stand in for those of another. */
export function leavingIn(state: RolloutState, silo: string): readonly string[] {
  if (state.plan.holders === undefined) return hostsLeaving(state, silo);
  return silosOf(state.plan).flatMap((each) => hostsLeaving(state, each));
}

/** Asks for a silo where a host has ended its way; for all of them where its coming back may free one elsewhere. */
export function askAfterMove(state: RolloutState, silo: string): Answer {
  if (state.plan.holders === undefined) return askRotation(state, silo);
  return silosOf(state.plan).reduce((answer: Answer, each) => joinAnswers(answer, askRotation(answer.state, each)), {state, effects: []});
}

/** The balancers have answered for a silo, well or badly. */
export function closeQuestion(state: RolloutState, silo: string): RolloutState {
  const asked = new Map(state.asked);
  asked.delete(silo);
  return {...state, asked};
}

/**
 * Hosts of a silo that should move and have not started: of this wave on the way forward, all that this run touched on the way back. Until
 * one host of the silo has arrived, no more are in hand than its canary has, also when the canary itself was lost.
 */
export function waitingHosts(state: RolloutState, silo: string): readonly string[] {
  const {plan, hosts} = state;
  const members = plan.hosts.filter((host) => host.silo === silo).map((host) => host.name);
  if (state.phase === 'reverting')
    return members.filter((name) => state.leased.has(name) && mustGoBack(hosts.get(name)) && isItsTurnBack(state, name));
  if (state.phase !== 'rolling' || state.stop !== undefined) return [];
  const waves = openWaves(state).filter((wave) => wave.silo === silo);
  const ready = waves.flatMap((wave) => wave.hosts).filter((name) => hosts.get(name)?.kind === 'ready');
  if (members.some((name) => hosts.get(name)?.kind === 'done')) return ready;
  const canary = plan.waves.find((each) => each.silo === silo)?.hosts.length ?? 0;
  const inHand = members.filter((name) => hosts.get(name)?.kind === 'moving').length;
  return ready.slice(0, Math.max(0, canary - inHand));
}

/** Where roles have an order, a host goes back once those that were to move after it are back, or beyond help. */
function isItsTurnBack({plan: {order = []}, hosts, leased}: RolloutState, host: string): boolean {
  const later = order.slice(order.findIndex((group) => group.includes(host)) + 1).flat();
  return !later.some((name) => hosts.get(name)?.kind === 'moving' || (leased.has(name) && mustGoBack(hosts.get(name))));
}

/** Hosts of ours that are leaving rotation, or out of it and not on their way in. */
function hostsLeaving(state: RolloutState, silo: string): readonly string[] {
  return state.plan.hosts.filter((host) => host.silo === silo && isLeaving(state.hosts.get(host.name))).map((host) => host.name);
}
