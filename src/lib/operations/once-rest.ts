import {DroverError} from '../errors/drover-error.js';
import type {HostState} from '../host/host-state.js';
import type {OncePlan, OnceTask, RolloutPlan} from '../rollout/plan.js';

/** What an operator knows of tasks that hosts cannot tell of. */
export interface OnceDecisions {
  /** It has done its work. */
  readonly done?: OnceTask;
  /** It is to begin anew, whatever it did before. */
  readonly again?: OnceTask;
}

const names: readonly OnceTask[] = ['before', 'after'];

/**
 * What is left of a plan's once tasks, by the hosts' own word. A task that a host has begun stays there; while a host is silent that may have
 * begun one, nobody else does. Throws `usage` for a decision about a task that the plan does not have.
 */
export function planOnceRest(
  plan: RolloutPlan,
  states: ReadonlyMap<string, HostState>,
  decisions: OnceDecisions = {},
): {readonly once?: OncePlan} {
  for (const [flag, task] of [
    ['--once-done', decisions.done],
    ['--once-again', decisions.again],
  ] as const) {
    if (task === undefined || plan.once?.[task] !== undefined) continue;
    throw new DroverError({code: 'usage', message: `${flag} ${task}: run ${plan.run} has no task once.${task}`, fix: 'leave the flag out'});
  }
  const {once} = plan;
  if (once === undefined) return {};
  const running = [...states].find(([, {tasks}]) =>
    tasks.some((each) => each.run === plan.run && each.task === decisions.done && each.state === 'running'),
  );
  if (running !== undefined) {
    throw new DroverError({
      code: 'refused',
      message: `--once-done ${decisions.done}: the task is still at work on ${running[0]}`,
      fix: `drover resume ${plan.run}, which waits for its end`,
      host: running[0],
    });
  }
  const done = names.filter((task) => decisions.again !== task && (decisions.done === task || isDone(plan, task, states)));
  const begun = names.flatMap((task): [OnceTask, string][] => {
    const host = done.includes(task) || once[task] === undefined ? undefined : findBegun(plan, task, states, decisions.again === task);
    return host === undefined ? [] : [[task, host]];
  });
  const again = decisions.again === undefined ? {} : {again: decisions.again};
  return {once: {...once, done, ...(begun.length === 0 ? {} : {begun: Object.fromEntries(begun)}), ...again}};
}

/** A host has its result; or hosts moved on after it; or a later run has done the same for the same release. */
function isDone(plan: RolloutPlan, task: OnceTask, states: ReadonlyMap<string, HostState>): boolean {
  const all = [...states.values()];
  if (all.some(({tasks}) => tasks.some((each) => each.run === plan.run && each.task === task && each.state === 'done'))) return true;
  if (task === 'before') return plan.hosts.some(({name}) => hasMoved(plan, states.get(name)));
  const lines = all.flatMap(({journal}) => journal);
  const snapshot = plan.snapshot ?? plan.hosts[0]?.to;
  return lines.some(
    ({run, event, detail}) =>
      event === 'contracted' &&
      run > plan.run &&
      detail.split(' ')[1] === snapshot &&
      lines.some((ended) => ended.run === run && ended.event === 'once-ended' && ended.detail === 'after 0'),
  );
}

/** Whether a run has begun to move this host. */
export function hasMoved(plan: RolloutPlan, state: HostState | undefined): boolean {
  return state?.journal.some((line) => line.run === plan.run && (line.event === 'intent' || line.event === 'draining')) === true;
}

function findBegun(plan: RolloutPlan, task: OnceTask, states: ReadonlyMap<string, HostState>, again: boolean): string | undefined {
  const holders = (wanted: string): string | undefined =>
    [...states].find(([, {tasks}]) => tasks.some((each) => each.run === plan.run && each.task === task && each.state === wanted))?.[0];
  const known = holders('running') ?? holders('unknown') ?? holders('failed');
  if (known !== undefined || again || task === 'after') return known;
  return plan.once?.hosts.find((name) => !states.has(name));
}
