import {askAgain, moveOn, requestMoves, siloOf, waitForFloor} from './moves.js';
import {finishIfReleased, release} from './release.js';
import {revertIfStopped, turnBack} from './revert.js';
import type {Answer, Effect, HostStage, RolloutEvent, RolloutState, Stop} from './state.js';
import {advanceWave, startNextWave} from './wave-gate.js';

/**
 * The whole rollout as a pure function: what happened in, the next state and what to do out. No clock, no randomness, no I/O; the
 * caller carries effects out and brings their results back as events, in any order.
 */
export function step(state: RolloutState, event: RolloutEvent): Answer {
  switch (event.kind) {
    case 'begin':
      return begin(state);
    case 'leased':
      return settleLeases(withHost({...state, leased: new Set([...state.leased, event.host])}, event.host, {kind: 'ready'}));
    case 'lease-failed': {
      const lost = withHost(state, event.host, {kind: 'lost', why: event.why, code: event.code, touched: false});
      return settleLeases(event.code === 'leased' ? withStop(lost, {kind: 'leased', why: event.why, code: 'leased'}) : lost);
    }
    case 'step-done':
      return settle(moveOn(state, event));
    case 'step-failed':
      return settle(failStep(state, event));
    case 'rotation':
      return settle(requestMoves(state, event.silo, event.serving));
    case 'rotation-failed': {
      const asked = new Set(state.asked);
      asked.delete(event.silo);
      if (state.phase === 'reverting') return settle(waitForFloor({...state, asked}, event.silo, event.why));
      return settle({state: withStop({...state, asked}, {kind: 'floor', why: event.why, code: event.code}), effects: []});
    }
    case 'soaked':
      return settle(advanceWave(state, event.failed));
    case 'released':
      return finishIfReleased({...state, leased: new Set([...state.leased].filter((host) => host !== event.host))});
    case 'interrupt':
      return interrupt(state);
  }
}

function begin(state: RolloutState): Answer {
  if (state.plan.hosts.length === 0) return release(state);
  return {state, effects: state.plan.hosts.map(({name}): Effect => ({kind: 'lease', host: name}))};
}

/** Once every host has answered: go, or give back what was taken. Leases are all or nothing, but for what the budget covers. */
function settleLeases(state: RolloutState): Answer {
  const stages = [...state.hosts.values()];
  if (stages.some((stage) => stage.kind === 'planned')) return {state, effects: []};
  if (state.stop !== undefined) return release(state);
  const lost = stages.filter((stage) => stage.kind === 'lost');
  const first = lost[0];
  if (first?.kind === 'lost' && lost.length > state.plan.budget) {
    const why = lost.length === 1 ? first.why : `${lost.length} hosts cannot be used, the budget is ${state.plan.budget}: ${first.why}`;
    return release(withStop(state, {kind: 'unreachable', why, code: first.code}));
  }
  if (lost.length === stages.length && first?.kind === 'lost') return release(withStop(state, {kind: 'unreachable', why: first.why, code: first.code}));
  const {back} = state.plan;
  if (back === undefined) return startNextWave({...state, phase: 'rolling'});
  const failed: HostStage = {kind: 'failed', why: back, code: 'unhealthy'};
  const hosts = new Map([...state.hosts].map(([host, stage]) => [host, stage.kind === 'ready' ? failed : stage] as const));
  return settle(turnBack(withStop({...state, hosts}, {kind: 'release', why: back, code: 'unhealthy'})));
}

function failStep(state: RolloutState, event: Extract<RolloutEvent, {kind: 'step-failed'}>): Answer {
  const {host, why, code, blame} = event;
  const stage = state.hosts.get(host);
  if (stage?.kind !== 'moving') return {state, effects: []};
  if (blame === 'fenced') {
    return {state: withStop(withHost(state, host, {kind: 'lost', why, code, touched: true}), {kind: 'fenced', why, code: 'leased'}), effects: []};
  }
  if (stage.direction === 'back') return {state: withHost(state, host, {kind: 'stuck', why, code}), effects: []};
  if (blame === 'release' && state.plan.command === 'deploy') {
    return turnBack(withStop(withHost(state, host, {kind: 'failed', why, code}), {kind: 'release', why, code}));
  }
  const lost = withHost(state, host, {kind: 'lost', why, code, touched: true});
  const spent = [...lost.hosts.values()].filter((each) => each.kind === 'lost').length;
  if (state.plan.command === 'rollback' || spent <= state.plan.budget) return askAgain(lost, siloOf(state.plan, host));
  return turnBack(withStop(lost, {kind: 'budget', why: `${spent} hosts failed, the budget is ${state.plan.budget}: ${why}`, code}));
}

function interrupt(state: RolloutState): Answer {
  if (state.phase === 'releasing' || state.phase === 'ended' || state.phase === 'reverting') return {state, effects: []};
  const stopped = withStop(state, {kind: 'interrupted', why: 'interrupted', code: 'interrupted'});
  if (state.phase === 'leasing') return settleLeases(stopped);
  return settle({state: stopped, effects: []});
}

/** After any change: does the wave, the way back or the run end here? */
function settle(answer: Answer): Answer {
  const {state} = answer;
  if (state.phase === 'rolling') return join(answer, state.stop === undefined ? advanceWave(state, undefined) : revertIfStopped(state));
  if (state.phase === 'soaking' && state.stop !== undefined) return join(answer, revertIfStopped(state));
  if (state.phase === 'reverting') return join(answer, revertIfStopped(state));
  return answer;
}

function join(first: Answer, then: Answer): Answer {
  return {state: then.state, effects: [...first.effects, ...then.effects]};
}

function withHost(state: RolloutState, host: string, stage: HostStage): RolloutState {
  return {...state, hosts: new Map(state.hosts).set(host, stage)};
}

/** The first reason stands. */
function withStop(state: RolloutState, stop: Stop): RolloutState {
  return state.stop === undefined ? {...state, stop} : state;
}
