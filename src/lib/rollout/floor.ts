import {hasExpanded} from './due-task.js';
import {keepHolders} from './holders.js';
import {isChanged} from './host-stage.js';
import {askRotation, closeQuestion, leavingIn, waitingHosts} from './rotation.js';
import {type Answer, type Effect, isHostMoving, type RolloutEvent, type RolloutState} from './state.js';

/** Looks at the floor this often before a run gives up waiting for it. */
const maxPatience = 24;
const floorPauseMs = 5000;

/**
 * Which waiting hosts of a silo may start, by the balancers' own view of it. A host that serves nobody costs nothing. Hosts that were
 * leaving when the balancers were asked do not count, wherever they were seen; none has begun to leave since. `outdated`: one of them has
 * moved on since, so that another look is worth while.
 */
export function chooseStarts(
  state: RolloutState,
  silo: string,
  serving: readonly string[],
  elsewhere: readonly string[] = [],
): {readonly starts: readonly string[]; readonly outdated: boolean} {
  const leavingThen = state.asked.get(silo) ?? new Set<string>();
  const leavingNow = new Set(leavingIn(state, silo));
  const inRotation = new Set(serving);
  const counted = [...inRotation].filter((host) => !leavingThen.has(host)).length;
  let free = counted - floorOf(state, silo);
  const ranked = rankWaiting(state, silo, inRotation);
  const starts = keepHolders(state, ranked, {serving, elsewhere, leavingThen}, (host) => !inRotation.has(host) || free-- > 0);
  return {starts, outdated: [...leavingThen].some((host) => !leavingNow.has(host))};
}

/**
 * The waiting hosts of a silo in the order in which they go. Holders go back the other way round than they came: only that way each finds
 * again what it left to others.
 */
function rankWaiting(state: RolloutState, silo: string, inRotation: ReadonlySet<string>): readonly string[] {
  const waiting = waitingHosts(state, silo);
  if (state.plan.holders !== undefined && state.phase === 'reverting') return waiting.toReversed();
  return [...waiting].sort((a, b) => rank(state, inRotation, a) - rank(state, inRotation, b));
}

/** First who serves nobody, then who serves a release that failed. */
function rank(state: RolloutState, inRotation: ReadonlySet<string>, host: string): number {
  if (!inRotation.has(host)) return 0;
  return state.hosts.get(host)?.kind === 'failed' ? 1 : 2;
}

export function describeFloor(state: RolloutState, silo: string, serving: number): string {
  return `silo ${silo} has ${serving} hosts in rotation and its floor is ${floorOf(state, silo)}: none may be taken out${state.plan.holders === undefined ? '' : ', or what it holds would be out with it'}`;
}

function floorOf(state: RolloutState, silo: string): number {
  return state.plan.floors[silo] ?? 0;
}

/** The balancers cannot say who serves: nothing may be taken out. On the way back that is waited for; on the way forward the run stops. */
export function loseSight(state: RolloutState, event: Extract<RolloutEvent, {kind: 'rotation-failed'}>): Answer {
  const closed = closeQuestion(state, event.silo);
  if (state.phase === 'reverting') return waitForFloor(closed, event.silo, event.why);
  if (state.stop !== undefined) return {state: closed, effects: []};
  return {state: {...closed, stop: {kind: 'floor', why: event.why, code: event.code}}, effects: []};
}

/**
 * Nothing may be taken out now. Hosts of ours in flight will come back and ask again; otherwise ask again for a while, then give up. A run
 * that has changed nothing yet is refused at once.
 */
export function waitForFloor(state: RolloutState, silo: string, why: string): Answer {
  if (waitingHosts(state, silo).length === 0 || isHostMoving(state, state.plan.holders === undefined ? silo : undefined))
    return {state, effects: []};
  const tries = (state.patience.get(silo) ?? 0) + 1;
  const isUntouched = !hasExpanded(state) && ![...state.hosts.values()].some(isChanged);
  if (state.phase === 'reverting' && tries > maxPatience) return abandonWaiting(state, silo, why);
  if (state.phase !== 'reverting' && (isUntouched || tries > maxPatience)) {
    return {state: {...state, stop: {kind: 'floor', why, code: isUntouched ? 'refused' : 'needs-attention'}}, effects: []};
  }
  const warning: Effect = {kind: 'announce', happening: {kind: 'warning', message: `${why}; looking again in ${floorPauseMs / 1000} s`}};
  const asked = askRotation({...state, patience: new Map(state.patience).set(silo, tries)}, silo, floorPauseMs);
  return {state: asked.state, effects: [...(tries === 1 ? [warning] : []), ...asked.effects]};
}

function abandonWaiting(state: RolloutState, silo: string, why: string): Answer {
  const hosts = new Map(state.hosts);
  for (const host of waitingHosts(state, silo)) hosts.set(host, {kind: 'stuck', why, code: 'needs-attention'});
  return {state: {...state, hosts}, effects: []};
}
