import {askAgain} from './moves.js';
import {release} from './release.js';
import {turnBack} from './revert.js';
import type {Answer, Effect, HostStage, RolloutState} from './state.js';

/** Opens the next wave that has a usable host, or ends the run. */
export function startNextWave(state: RolloutState): Answer {
  const index = state.plan.waves.findIndex((wave, at) => at > state.wave && wave.hosts.some((host) => state.hosts.get(host)?.kind === 'ready'));
  const wave = state.plan.waves[index];
  if (wave === undefined) return release(state);
  const announce: Effect = {
    kind: 'announce',
    happening: {kind: 'wave-started', wave: wave.name, index: index + 1, of: state.plan.waves.length, hosts: wave.hosts},
  };
  const asked = askAgain({...state, phase: 'rolling', wave: index}, wave.silo);
  return {state: asked.state, effects: [announce, ...asked.effects]};
}

/**
 * The gate: a wave whose hosts have all ended is soaked and probed once more; then the next one opens. `failed` is undefined while the
 * soak has not happened.
 */
export function advanceWave(state: RolloutState, failed: readonly {readonly host: string; readonly why: string}[] | undefined): Answer {
  const wave = state.plan.waves[state.wave];
  if (wave === undefined) return {state, effects: []};
  if (state.phase === 'rolling') {
    const stages = wave.hosts.map((host) => state.hosts.get(host));
    if (stages.some((stage) => stage?.kind === 'ready' || stage?.kind === 'moving')) return {state, effects: []};
    const done = wave.hosts.filter((host) => state.hosts.get(host)?.kind === 'done');
    if (state.plan.soakMs > 0 && done.length > 0) return {state: {...state, phase: 'soaking'}, effects: [{kind: 'soak', ms: state.plan.soakMs, hosts: done}]};
    return closeWave(state, wave.name);
  }
  if (state.phase !== 'soaking' || failed === undefined) return {state, effects: []};
  const first = failed[0];
  if (first === undefined) return closeWave(state, wave.name);
  const ended: Effect = {kind: 'announce', happening: {kind: 'wave-ended', wave: wave.name, outcome: 'failed', why: first.why}};
  const hosts = new Map(state.hosts);
  for (const {host, why} of failed) hosts.set(host, {kind: 'failed', why, code: 'unhealthy'} satisfies HostStage);
  const turned = turnBack({...state, hosts, stop: {kind: 'release', why: first.why, code: 'unhealthy'}});
  return {state: turned.state, effects: [ended, ...turned.effects]};
}

function closeWave(state: RolloutState, wave: string): Answer {
  const ended: Effect = {kind: 'announce', happening: {kind: 'wave-ended', wave, outcome: 'passed'}};
  const next = startNextWave(state);
  return {state: next.state, effects: [ended, ...next.effects]};
}
