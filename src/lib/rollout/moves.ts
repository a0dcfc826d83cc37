import {isBeforeTime, isShort, isTimed, stopShort} from './appointment.js';
import {chooseStarts, describeFloor, waitForFloor} from './floor.js';
import type {HostStage} from './host-stage.js';
import {type Direction, type MoveStep, plannedHost, stepsOf} from './plan.js';
import {turnBack} from './revert.js';
import {askAfterMove, askRotation, closeQuestion} from './rotation.js';
import {type Answer, type Effect, joinAnswers, type RolloutEvent, type RolloutState, setStage} from './state.js';

/** The balancers answered: starts every waiting host of the silo that the floor allows. */
export function startMoves(state: RolloutState, event: Extract<RolloutEvent, {kind: 'rotation'}>): Answer {
  const {silo, serving, elsewhere} = event;
  const {starts, outdated} = chooseStarts(state, silo, serving, elsewhere);
  const closed = closeQuestion(state, silo);
  const direction = state.phase === 'reverting' ? 'back' : 'forward';
  const started = starts.length === 0 ? {state: closed, effects: []} : beginMoves(closed, silo, starts, direction);
  if (isShort(state, silo, starts)) return stopShort(closed, describeFloor(state, silo, serving.length));
  if (outdated) return joinAnswers(started, askRotation(started.state, silo));
  return starts.length === 0 ? waitForFloor(closed, silo, describeFloor(state, silo, serving.length)) : started;
}

function beginMoves(state: RolloutState, silo: string, starts: readonly string[], direction: Direction): Answer {
  const [step] = stepsOf(state.plan, direction);
  if (step === undefined) throw new Error(`there is no step ${direction}`);
  const hosts = new Map(state.hosts);
  for (const host of starts) hosts.set(host, {kind: 'moving', direction, step});
  const patience = new Map(state.patience);
  patience.delete(silo);
  return {
    state: {...state, hosts, patience, asked: noteLeaving(state, starts)},
    effects: starts.map((host): Effect => ({kind: 'step', host, step, direction})),
  };
}

/** What leaves now may still be seen in the answer to a question that another silo has asked. */
function noteLeaving({plan, asked}: RolloutState, starts: readonly string[]): RolloutState['asked'] {
  if (plan.holders === undefined) return asked;
  return new Map([...asked].map(([silo, leaving]) => [silo, new Set([...leaving, ...starts])]));
}

/** A host finished a step: the next one follows, unless the run has turned round. */
export function moveOn(state: RolloutState, event: Extract<RolloutEvent, {kind: 'step-done'}>): Answer {
  const {host, step} = event;
  const stage = state.hosts.get(host);
  if (stage?.kind !== 'moving' || stage.step !== step || stage.held === true) return {state, effects: []};
  const {direction} = stage;
  if (direction === 'forward' && state.phase === 'reverting' && state.stop !== undefined) {
    return endMove(state, host, {kind: 'failed', why: state.stop.why, code: state.stop.code});
  }
  const skipRestart = stage.skipRestart === true || event.restarted === true;
  const next = stepAfter(stepsOf(state.plan, direction), step, skipRestart);
  if (next === undefined) return endMove(state, host, direction === 'forward' ? {kind: 'done'} : {kind: 'reverted'});
  if (isTimed(state.plan, next)) return {state: setStage(state, host, {...stage, step: next, held: true}), effects: []};
  return {state: setStage(state, host, {...stage, step: next, skipRestart}), effects: [{kind: 'step', host, step: next, direction}]};
}

function stepAfter(steps: readonly MoveStep[], done: MoveStep, skipRestart: boolean): MoveStep | undefined {
  return steps.slice(steps.indexOf(done) + 1).find((step) => !(step === 'restart' && skipRestart));
}

/**
 * A step failed. On the way back the host is left as it is. On the way forward a deploy turns round when the release is to blame, or when
 * more hosts are lost than the budget allows, and a timed one when a host cannot stand ready; a rollback goes on within its budget, whoever is to blame, and then stops.
 */
export function failMove(state: RolloutState, event: Extract<RolloutEvent, {kind: 'step-failed'}>): Answer {
  const {host, step, why, code, blame} = event;
  const stage = state.hosts.get(host);
  if (stage?.kind !== 'moving' || stage.step !== step) return {state, effects: []};
  if (stage.direction === 'back') return endMove(state, host, {kind: 'stuck', why, code});
  if (blame === 'fenced') {
    const stopped: RolloutState = state.phase === 'reverting' ? state : {...state, stop: {kind: 'fenced', why, code: 'leased'}};
    return endMove(stopped, host, {kind: 'stuck', why, code});
  }
  if (blame === 'release' && state.plan.command === 'deploy') {
    return turnBack(setStage(state, host, {kind: 'failed', why, code}), {kind: 'release', why, code});
  }
  const lost = setStage(state, host, {kind: 'lost', why, code, touched: true});
  if (state.phase === 'rolling' && isBeforeTime(state.plan, step)) return turnBack(lost, {kind: 'budget', why, code});
  const spent = [...lost.hosts.values()].filter((each) => each.kind === 'lost').length;
  const {budget} = state.plan;
  if (spent <= budget) return askAfterMove(lost, plannedHost(state.plan, host).silo);
  return turnBack(lost, {kind: 'budget', why: `${spent} hosts failed, the budget is ${budget}: ${why}`, code});
}

/** A host has ended its way: another one of its silo may start. */
function endMove(state: RolloutState, host: string, stage: HostStage): Answer {
  return askAfterMove(setStage(state, host, stage), plannedHost(state.plan, host).silo);
}
