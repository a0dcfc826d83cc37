import {loseLease, meetTime, missTime} from './appointment.js';
import {loseSight} from './floor.js';
import {noteLease, takeLeases} from './leases.js';
import {failMove, moveOn, startMoves} from './moves.js';
import {openWaves} from './plan.js';
import {noteRelease} from './release.js';
import type {Answer, Effect, RolloutEvent, RolloutState} from './state.js';
import {failTask, passTask} from './task-result.js';
import {judgeSoak, passGate} from './wave-gate.js';

/**
 * The whole rollout as a pure function: what happened in, the next state and what to do out. No clock, no randomness, no I/O; the
 * caller carries effects out and brings their results back as events, in any order.
 */
export function step(state: RolloutState, event: RolloutEvent): Answer {
  switch (event.kind) {
    case 'begin':
      return takeLeases(state);
    case 'leased':
    case 'lease-failed':
      return noteLease(state, event);
    case 'step-done':
      return passGate(moveOn(state, event));
    case 'step-failed':
      return passGate(failMove(state, event));
    case 'rotation':
      return passGate(startMoves(state, event));
    case 'rotation-failed':
      return passGate(loseSight(state, event));
    case 'soaked':
      return passGate(judgeSoak(state, event));
    case 'released':
      return noteRelease(state, event.host);
    case 'time-come':
      return passGate(meetTime(state, event.moment));
    case 'time-missed':
      return passGate(missTime(state, event.why));
    case 'lease-lost':
      return passGate(loseLease(state, event));
    case 'expired':
      return {state: {...state, expired: event.why}, effects: []};
    case 'task-done':
      return passTask(state, event);
    case 'task-failed':
      return failTask(state, event);
    case 'interrupt':
      return interrupt(state);
  }
}

/** Hosts in hand are finished and none is started, but hosts that only stand ready for their time are sent back; leases that are still coming are waited for and given back. A way back is not interrupted: it is what brings the fleet to rest. */
function interrupt(state: RolloutState): Answer {
  if (state.stop !== undefined || state.phase === 'releasing' || state.phase === 'ended') return {state, effects: []};
  const stopped: RolloutState = {...state, stop: {kind: 'interrupted', why: 'interrupted', code: 'interrupted'}};
  return passGate({state: stopped, effects: state.phase === 'soaking' ? [warnOfShortSoak(state)] : []});
}

function warnOfShortSoak(state: RolloutState): Effect {
  const names = openWaves(state).map((wave) => wave.name);
  return {
    kind: 'announce',
    happening: {kind: 'warning', message: `the soak of wave ${names.join(', ')} was cut short: its hosts were not probed again`},
  };
}
