import {dueTask} from './due-task.js';
import type {HostStage} from './host-stage.js';
import {startTask} from './once.js';
import {plannedHost} from './plan.js';
import {endRun} from './release.js';
import {goBack} from './revert.js';
import {type Answer, type Effect, type RolloutEvent, type RolloutState, type Stop, setStage} from './state.js';
import {openNextWave, passGate} from './wave-gate.js';

/** Asks for the lease of every host. */
export function takeLeases(state: RolloutState): Answer {
  if (state.plan.hosts.length === 0 || state.stop !== undefined) return endRun(state);
  return {state, effects: state.plan.hosts.map(({name}): Effect => ({kind: 'lease', host: name}))};
}

export function noteLease(state: RolloutState, event: Extract<RolloutEvent, {kind: 'leased' | 'lease-failed'}>): Answer {
  const {earlier} = plannedHost(state.plan, event.host);
  const touched = earlier !== undefined || state.plan.back !== undefined;
  if (event.kind === 'leased') {
    const stage: HostStage = earlier === 'done' && state.plan.back === undefined ? {kind: 'done'} : {kind: 'ready', touched};
    return settleLeases(setStage({...state, leased: new Set([...state.leased, event.host])}, event.host, stage));
  }
  const lost = setStage(state, event.host, {kind: 'lost', why: event.why, code: event.code, touched});
  if (state.stop !== undefined) return settleLeases(lost);
  if (event.isFinal === true) return settleLeases({...lost, stop: {kind: 'stale', why: event.why, code: event.code}});
  if (event.code !== 'leased') return settleLeases(lost);
  return settleLeases({...lost, stop: {kind: 'leased', why: event.why, code: 'leased'}});
}

/**
 * Once every host has answered: go, or give back what was taken. Leases are all or nothing, but for what the budget covers; on the way back
 * no budget counts, since a host that cannot be reached is no reason to leave the others on a bad release.
 */
function settleLeases(state: RolloutState): Answer {
  if ([...state.hosts.values()].some((stage) => stage.kind === 'planned')) return {state, effects: []};
  const stop = state.stop ?? findShortage(state);
  if (stop !== undefined) return endRun({...state, stop});
  const {back} = state.plan;
  if (back === undefined) return openWay({...state, phase: 'rolling'});
  return passGate(goBack({...state, stop: {kind: 'release', why: back, code: 'unhealthy'}}, back));
}

/** What runs once ahead of the first move, or else the first wave. */
function openWay(state: RolloutState): Answer {
  const once = dueTask(state, 'before');
  if (once !== undefined && state.expired !== undefined)
    return endRun({...state, stop: {kind: 'expired', why: state.expired, code: 'refused'}});
  return once === undefined ? openNextWave(state) : startTask(state, 'before', once);
}

function findShortage(state: RolloutState): Stop | undefined {
  const lost = [...state.hosts.values()].filter((stage) => stage.kind === 'lost');
  const [first] = lost;
  if (first === undefined) return undefined;
  const {back, at} = state.plan;
  // Hosts that are to switch together are all prepared, or none switches.
  const budget = at === undefined ? state.plan.budget : 0;
  if (lost.length < state.hosts.size && (back !== undefined || lost.length <= budget)) return undefined;
  const why = lost.length === 1 ? first.why : `${lost.length} hosts cannot be used, the budget is ${budget}: ${first.why}`;
  return {kind: 'unreachable', why, code: first.code};
}
