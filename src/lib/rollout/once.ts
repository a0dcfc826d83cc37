import {dueTask} from './due-task.js';
import type {OncePlan, OnceTask} from './plan.js';
import {endRun} from './release.js';
import {type Answer, joinAnswers, type RolloutState, type Stop} from './state.js';

/**
 * Gives a task to the host that has begun it, or else to the first that may and whose lease we hold, `after` excepted. Without one the run
 * stops.
 */
export function startTask(state: RolloutState, task: OnceTask, {begun, hosts}: OncePlan, unfit: ReadonlySet<string> = new Set()): Answer {
  const where = begun?.[task];
  const host = where ?? hosts.find((name) => state.leased.has(name) && !unfit.has(name));
  if (host !== undefined && state.leased.has(host) && !unfit.has(host)) {
    return {state: {...state, phase: 'task', task: {name: task, host}}, effects: [{kind: 'task', host, task}]};
  }
  if (where !== undefined) return stopInDoubt(state, task, `once.${task} was begun on ${where}, or may have been, and it cannot be asked`);
  return stopAtTask(state, {kind: 'task', why: `no host can run once.${task}`, code: task === 'before' ? 'refused' : 'needs-attention'});
}

/** No host moves on from here. */
export function stopAtTask(state: RolloutState, stop: Stop): Answer {
  return endRun({...state, stop: state.stop?.kind === 'fenced' ? state.stop : stop});
}

/** Nobody can tell how a task ended: that is for a person to find out, and never for a second run of it. */
export function stopInDoubt(state: RolloutState, task: OnceTask, why: string): Answer {
  const {run} = state.plan;
  const ask = `find out what it did, then: drover resume ${run} --once-done ${task}, or: drover resume ${run} --once-again ${task}`;
  return stopAtTask(state, {kind: 'task', why: `${why}; ${ask}`, code: 'needs-attention'});
}

/**
 * The way forward has an end: `after` runs now, if every host of the plan arrived; otherwise it waits for those that did not. Gives
 * undefined when no task is left.
 */
export function closeWay(state: RolloutState): Answer | undefined {
  const once = dueTask(state, 'after');
  if (once === undefined || state.stop !== undefined) return undefined;
  const late = state.plan.hosts.filter(({name}) => state.hosts.get(name)?.kind !== 'done').map(({name}) => name);
  if (late.length === 0) return startTask(state, 'after', once);
  const held: RolloutState = {...state, tasks: {...state.tasks, after: 'held'}};
  const why = `${late.join(', ')} did not arrive`;
  const told: Answer = {state: held, effects: [{kind: 'announce', happening: {kind: 'task-held', task: 'after', why}}]};
  return joinAnswers(told, endRun(held));
}
