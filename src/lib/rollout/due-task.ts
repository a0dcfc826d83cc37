import type {OncePlan, OnceTask} from './plan.js';
import type {RolloutState} from './state.js';

/** The task, if this run still has to see to it. A run on its way back has none. */
export function dueTask(state: RolloutState, task: OnceTask): OncePlan | undefined {
  return state.tasks?.[task] === 'held' ? undefined : openTask(state, task);
}

/** Whether the expand task of this run has done its work, in this part of the run or in an earlier one. */
export function hasExpanded({plan: {once}, tasks}: RolloutState): boolean {
  return tasks?.before === 'done' || once?.done?.includes('before') === true;
}

/** As `dueTask`, also when it waits for a world that is not there yet. */
export function openTask({plan: {once, back}, tasks}: RolloutState, task: OnceTask): OncePlan | undefined {
  if (once?.[task] === undefined || back !== undefined) return undefined;
  return once.done?.includes(task) === true || tasks?.[task] === 'done' ? undefined : once;
}
