import {askAgain, waitingHosts} from './moves.js';
import {release} from './release.js';
import type {Answer, Effect, RolloutState} from './state.js';

/** The run turns round: everything it touched goes back, under the same floors. A rollback never turns round: it stops. */
export function turnBack(state: RolloutState): Answer {
  if (state.phase === 'reverting' || state.plan.command === 'rollback' || state.stop?.kind === 'fenced') return {state, effects: []};
  const wave = state.plan.waves[state.wave];
  const turned: RolloutState = {...state, phase: 'reverting', patience: new Map()};
  const hosts = state.plan.hosts
    .filter(({name}) => {
      const stage = state.hosts.get(name);
      return stage?.kind === 'done' || stage?.kind === 'failed' || stage?.kind === 'moving' || (stage?.kind === 'lost' && stage.touched);
    })
    .map(({name}) => name);
  const effects: Effect[] = [];
  if (wave !== undefined && state.phase === 'rolling') {
    effects.push({kind: 'announce', happening: {kind: 'wave-ended', wave: wave.name, outcome: 'failed', why: state.stop?.why ?? ''}});
  }
  effects.push({kind: 'announce', happening: {kind: 'rolling-back', hosts, why: state.stop?.why ?? ''}});
  return {state: turned, effects};
}

/** Once nothing is in flight: the way back for each silo, and the end when it is gone. Stops without a way back end at once. */
export function revertIfStopped(state: RolloutState): Answer {
  const moving = [...state.hosts.values()].some((stage) => stage.kind === 'moving');
  if (state.phase !== 'reverting') return moving ? {state, effects: []} : release(state);
  let current = state;
  const effects: Effect[] = [];
  for (const silo of new Set(state.plan.hosts.map((host) => host.silo))) {
    const asked = askAgain(current, silo);
    current = asked.state;
    effects.push(...asked.effects);
  }
  const waiting = [...new Set(state.plan.hosts.map((host) => host.silo))].some((silo) => waitingHosts(current, silo).length > 0);
  if (moving || waiting || effects.length > 0) return {state: current, effects};
  return release(current);
}
