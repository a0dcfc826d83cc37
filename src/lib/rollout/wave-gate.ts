import {settleHeld, startWaves} from './appointment.js';
import type {HostStage} from './host-stage.js';
import {closeWay} from './once.js';
import {openWaves} from './plan.js';
import {endRun} from './release.js';
import {askNextRole, failWave, isBack, turnBack} from './revert.js';
import {type Answer, type Effect, isHostMoving, joinAnswers, type RolloutEvent, type RolloutState} from './state.js';

/** After any change: does the wave, the way back or the run end here? */
export function passGate(before: Answer): Answer {
  const answer = settleHeld(before);
  const {state} = answer;
  if (state.phase === 'waiting' && state.stop !== undefined) return joinAnswers(answer, endRun(state));
  if (state.phase === 'reverting') return joinAnswers(answer, isBack(state) ? endRun(state) : askNextRole(state));
  if (state.phase !== 'rolling' && state.phase !== 'soaking') return answer;
  if (isHostMoving(state)) return answer;
  if (state.stop !== undefined) {
    const over = state.stop.kind === 'interrupted' && hasArrived(state) ? closeLastWave(state) : failWave(state, state.stop.why);
    const stopped: Answer = {state, effects: [...answer.effects, ...over]};
    return joinAnswers(stopped, endRun(state));
  }
  return state.phase === 'rolling' ? joinAnswers(answer, soakWave(state)) : answer;
}

function hasArrived({plan, hosts}: RolloutState): boolean {
  return plan.hosts.every(({name}) => hosts.get(name)?.kind === 'done');
}

/** An interrupt that found every host arrived, or on the last steps there, has stopped nothing but the second look. */
function closeLastWave(state: RolloutState): readonly Effect[] {
  const skipsSoak = state.phase === 'rolling' && state.plan.soakMs > 0;
  const message = `interrupted, but every host has arrived${skipsSoak ? '; they were not probed again after a soak' : ''}`;
  return [...passWaves(state), {kind: 'announce', happening: {kind: 'warning', message}}];
}

function passWaves(state: RolloutState): readonly Effect[] {
  return openWaves(state).map(({name}) => ({kind: 'announce', happening: {kind: 'wave-ended', wave: name, outcome: 'passed'}}));
}

/** A wave whose hosts have all ended is left to soak; then its hosts are probed once more. */
function soakWave(state: RolloutState): Answer {
  const waves = openWaves(state);
  const members = waves.flatMap((wave) => wave.hosts);
  if (waves.length === 0 || members.some((host) => state.hosts.get(host)?.kind === 'ready')) return {state, effects: []};
  const hosts = members.filter((host) => state.hosts.get(host)?.kind === 'done');
  const empty = waves.find((wave) => !wave.hosts.some((host) => hosts.includes(host)));
  if (state.plan.at !== undefined && empty !== undefined) {
    return turnBack(state, {kind: 'budget', why: `no host of wave ${empty.name} arrived`, code: 'needs-attention'});
  }
  if (state.plan.soakMs === 0 || hosts.length === 0) return openNextWave(state);
  return {state: {...state, phase: 'soaking'}, effects: [{kind: 'soak', ms: state.plan.soakMs, hosts}]};
}

/** The second look at a wave: the next one opens, or the release has failed after all. */
export function judgeSoak(state: RolloutState, event: Extract<RolloutEvent, {kind: 'soaked'}>): Answer {
  if (state.phase !== 'soaking') return {state, effects: []};
  const [first] = event.failed;
  if (first === undefined) return openNextWave(state);
  const hosts = new Map(state.hosts);
  for (const {host, why} of event.failed) hosts.set(host, {kind: 'failed', why, code: 'unhealthy'} satisfies HostStage);
  return turnBack({...state, hosts}, {kind: 'release', why: first.why, code: 'unhealthy'});
}

/** Ends the wave under way and opens the next one that has a usable host, or ends the run. */
export function openNextWave(state: RolloutState): Answer {
  const {waves, at} = state.plan;
  const before = openWaves(state);
  const passed = passWaves(state);
  const index = waves.findIndex(
    (wave, place) => place > state.wave && !before.includes(wave) && wave.hosts.some((host) => state.hosts.get(host)?.kind === 'ready'),
  );
  const next = waves[index];
  if (next === undefined) return joinAnswers({state, effects: passed}, closeWay(state) ?? endRun(state));
  if (state.expired !== undefined) {
    const stopped: RolloutState = {...state, stop: {kind: 'expired', why: state.expired, code: 'refused'}};
    return joinAnswers({state: stopped, effects: passed}, endRun(stopped));
  }
  const opened: RolloutState = {...state, wave: index};
  if (at === undefined) return joinAnswers({state, effects: passed}, startWaves(opened));
  const wait: Effect = {kind: 'await-time', moment: 'open', offsetMs: next.offsetMs ?? 0};
  return {state: {...opened, phase: 'waiting', isDue: false}, effects: [...passed, wait]};
}
