import {isChanged, mustGoBack} from './host-stage.js';
import {openWaves, silosOf} from './plan.js';
import {askRotation} from './rotation.js';
import {type Answer, type Effect, isHostMoving, joinAnswers, type RolloutState, type Stop} from './state.js';

/**
 * A deploy turns round: everything it touched goes back, under the same floors. A rollback stops where it is, and so does a run that
 * another one has taken a host from: two runs must not pull at one fleet.
 */
export function turnBack(state: RolloutState, stop: Stop): Answer {
  if (state.phase === 'reverting') return askBack(state);
  if (state.stop?.kind === 'fenced') return {state, effects: []};
  const stopped: RolloutState = {...state, stop};
  return state.plan.command === 'rollback' ? {state: stopped, effects: []} : goBack(stopped, stop.why);
}

/** Everything that the run touched goes back. */
export function goBack(state: RolloutState, why: string): Answer {
  const hosts = state.plan.hosts.filter(({name}) => isChanged(state.hosts.get(name))).map(({name}) => name);
  const announce: Effect = {kind: 'announce', happening: {kind: 'rolling-back', hosts, why}};
  const turned: RolloutState = {...state, phase: 'reverting', patience: new Map()};
  return joinAnswers({state: turned, effects: [...failWave(state, why), announce]}, askBack(turned));
}

/** Asks the balancers of every silo that has hosts to bring back. */
function askBack(state: RolloutState): Answer {
  return silosOf(state.plan).reduce((answer: Answer, silo) => joinAnswers(answer, askRotation(answer.state, silo)), {state, effects: []});
}

/** The next role may go back: asks where nothing is in flight. Without an order all were asked at once. */
export function askNextRole(state: RolloutState): Answer {
  const silos = state.plan.order === undefined ? [] : silosOf(state.plan).filter((silo) => !isHostMoving(state, silo));
  return silos.reduce((answer: Answer, silo) => joinAnswers(answer, askRotation(answer.state, silo)), {state, effects: []});
}

/** The way back has an end: nothing is in flight, and nothing waits that could still be brought back. */
export function isBack(state: RolloutState): boolean {
  return !isHostMoving(state) && !state.plan.hosts.some(({name}) => state.leased.has(name) && mustGoBack(state.hosts.get(name)));
}

/** The waves under way, if there are any, have failed. */
export function failWave(state: RolloutState, why: string): readonly Effect[] {
  const waves = state.phase === 'rolling' || state.phase === 'soaking' ? openWaves(state) : [];
  return waves.map(({name}) => ({kind: 'announce', happening: {kind: 'wave-ended', wave: name, outcome: 'failed', why}}));
}
