import {startTask, stopAtTask, stopInDoubt} from './once.js';
import {endRun} from './release.js';
import {type Answer, joinAnswers, type RolloutEvent, type RolloutState, setStage} from './state.js';
import {openNextWave} from './wave-gate.js';

type TaskDone = Extract<RolloutEvent, {kind: 'task-done'}>;
type TaskFailed = Extract<RolloutEvent, {kind: 'task-failed'}>;

/** A once task has ended well: the waves follow, or the end of the run. */
export function passTask(state: RolloutState, event: TaskDone): Answer {
  if (state.task?.name !== event.task || state.task.host !== event.host) return {state, effects: []};
  const passed = leaveTask({...state, tasks: {...state.tasks, [event.task]: 'done'}});
  if (event.task === 'after' || passed.stop !== undefined) return endRun(passed);
  return openNextWave(passed);
}

/**
 * A once task has not ended well. `before` stops the run before anything moved. `after` leaves hosts as they are: they have converged, and a
 * release whose contract has begun is not gone back from. One that certainly was not begun is given to the next host.
 */
export function failTask(state: RolloutState, event: TaskFailed): Answer {
  const {task, host, how, why, code} = event;
  if (state.task?.name !== task || state.task.host !== host) return {state, effects: []};
  const left = leaveTask(state);
  switch (how) {
    case 'fenced':
      return endRun(setStage({...left, stop: {kind: 'fenced', why, code: 'leased'}}, host, {kind: 'stuck', why, code: 'leased'}));
    case 'held': {
      const held: RolloutState = {...left, tasks: {...left.tasks, [task]: 'held'}};
      return joinAnswers({state: held, effects: [{kind: 'announce', happening: {kind: 'task-held', task, why}}]}, endRun(held));
    }
    case 'failed':
      return stopAtTask(left, {kind: 'task', why, code: task === 'before' ? 'rolled-back' : 'needs-attention'});
    case 'unknown':
      return stopInDoubt(left, task, why);
    case 'not-begun':
      return passOn(left, event, code);
  }
}

/** The next host in the order is asked; the one that could not be is left as it is, and its own move will tell. */
function passOn(state: RolloutState, {task, host, why}: TaskFailed, code: TaskFailed['code']): Answer {
  const {once} = state.plan;
  if (state.stop !== undefined || once === undefined) return endRun(state);
  if (once.begun?.[task] === host) return stopInDoubt(state, task, why);
  const asked = new Set(once.hosts.slice(0, once.hosts.indexOf(host) + 1));
  const next = startTask(state, task, once, asked);
  if (next.state.phase === 'task') return next;
  return stopAtTask(state, {kind: 'task', why, code: task === 'before' ? code : 'needs-attention'});
}

function leaveTask({task: _ended, ...state}: RolloutState): RolloutState {
  return {...state, phase: 'rolling'};
}
