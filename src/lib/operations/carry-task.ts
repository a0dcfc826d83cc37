import {setTimeout as sleep} from 'node:timers/promises';
import {DroverError} from '../errors/drover-error.js';
import type {TaskState} from '../host/once-task.js';
import {VerbError} from '../host/verb-call.js';
import type {OncePlan, OnceTask} from '../rollout/plan.js';
import type {RolloutEvent} from '../rollout/state.js';
import {type Crew, locate} from './crew.js';
import {describeError, runStep, useHost} from './on-host.js';
import {holdContract, noteContract} from './once-contract.js';

type TaskEvent = Extract<RolloutEvent, {kind: 'task-done' | 'task-failed'}>;
type Failed = Extract<RolloutEvent, {kind: 'task-failed'}>;

/** One call waits so long on the host for the end of a task. */
const waitSeconds = 10;
/** A host that does not answer is asked again so often, 2 to 4 s apart: about a minute while its task may be under way. */
const tries = {beforeBegin: 3, onceBegun: 20};

/** How often a host was asked in vain, and whether the task may have begun there. */
interface Doubt {
  mayHaveBegun: boolean;
  failures: number;
}

/** Runs a once task on a host, or finds it again, and waits for its end. `after` is held until every host of the app has converged. */
export async function carryTask(crew: Crew, name: string, task: OnceTask): Promise<TaskEvent> {
  const {world, plan} = crew;
  const once = plan.once;
  const fence = crew.fences.get(name);
  const command = once?.[task];
  if (once === undefined || fence === undefined || command === undefined)
    throw new Error(`once.${task} of ${name} without a plan or lease`);
  const failed = (how: Failed['how'], why: string, code: Failed['code']): Failed => ({
    kind: 'task-failed',
    task,
    host: name,
    how,
    why,
    code,
  });
  const doubt: Doubt = {mayHaveBegun: once.begun?.[task] === name && once.again !== task, failures: 0};
  try {
    if (task === 'after' && !doubt.mayHaveBegun) {
      const why = await holdContract(crew);
      if (why !== undefined) return failed('held', why, 'refused');
      await noteContract(crew);
    }
    const {host} = locate(crew, name);
    const state = await runStep(world, {
      host,
      step: 'once',
      action: () => awaitTask(crew, {name, task, command, once, doubt}),
      describe: (ended) => ({detail: describeTask(task, ended)}),
      retry: {attempts: 1, firstDelayMs: 0, maxDelayMs: 0},
    });
    return await tellTask(crew, {name, task, state});
  } catch (error) {
    if (world.signal.aborted || !(error instanceof DroverError)) throw error;
    if (error instanceof VerbError && error.failure === 'fenced') return failed('fenced', describeError(error), 'leased');
    return failed(doubt.mayHaveBegun ? 'unknown' : 'not-begun', describeError(error), error.code);
  }
}

/** Asks the host until the task has ended, or nobody can tell how. Losing touch with the host does not lose the task. */
async function awaitTask(
  crew: Crew,
  {name, task, command, once, doubt}: {name: string; task: OnceTask; command: string; once: OncePlan; doubt: Doubt},
): Promise<TaskState> {
  const {world, app} = crew;
  const {host, planned} = locate(crew, name);
  const fence = crew.fences.get(name);
  if (fence === undefined) throw new Error(`once.${task} of ${name} without a lease`);
  const call = {
    task,
    command,
    from: planned.from,
    to: planned.to,
    deadlineSeconds: Math.ceil(once.deadlineMs / 1000),
    waitSeconds,
    ...(once.again === task ? {again: world.run} : {}),
  };
  for (;;) {
    try {
      const state = await useHost(world, host, app, (on) => on.runTask(fence, call));
      if (state.kind !== 'running') return state;
      Object.assign(doubt, {mayHaveBegun: true, failures: 0});
    } catch (error) {
      if (!(error instanceof DroverError) || world.signal.aborted) throw error;
      const isLost = error instanceof VerbError && error.failure === 'lost';
      if (isLost) doubt.mayHaveBegun = true;
      else if (error instanceof VerbError) throw error;
      doubt.failures++;
      if (doubt.failures >= (doubt.mayHaveBegun ? tries.onceBegun : tries.beforeBegin)) throw error;
      await world.emit({kind: 'warning', host: name, message: `once.${task}: asking again: ${error.message}`});
      await sleep(2000 + world.random() * 2000, undefined, {signal: world.signal});
    }
  }
}

/** The ending, for the record and for the rollout. */
async function tellTask(crew: Crew, {name, task, state}: {name: string; task: OnceTask; state: TaskState}): Promise<TaskEvent> {
  const why = describeTask(task, state);
  const output = state.kind === 'ended' ? state.output : '';
  const isDone = state.kind === 'ended' && state.status === 0 && state.lateAfterSeconds === undefined;
  const outcome = isDone ? 'done' : state.kind === 'ended' ? 'failed' : 'unknown';
  await crew.world.emit({kind: 'task-ended', task, host: name, outcome, output, ...(isDone ? {} : {why})});
  if (isDone) return {kind: 'task-done', task, host: name};
  const how = outcome === 'failed' ? 'failed' : 'unknown';
  return {kind: 'task-failed', task, host: name, how, why: `once.${task} on ${name}: ${why}`, code: 'needs-attention'};
}

function describeTask(task: OnceTask, state: TaskState): string {
  if (state.kind !== 'ended')
    return `it was begun, was cut off in the middle, and left no result (the host went down, or ${task} was killed)`;
  return state.lateAfterSeconds === undefined ? `ended with status ${state.status}` : `was not done after ${state.lateAfterSeconds} s`;
}
