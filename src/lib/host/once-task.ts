import type {Fence} from './fence.js';
import type {Link} from './link.js';
import {callVerb} from './verb-call.js';

/** `before`: ahead of the first host's switch. `after`: when every host has converged. */
export type OnceTask = 'before' | 'after';

export interface TaskCall {
  readonly root: string;
  readonly app: string;
  readonly fence: Fence;
  readonly task: OnceTask;
  readonly command: string;
  readonly from: string | undefined;
  /** The release from whose tree it runs; staged, live or not. */
  readonly to: string;
  /** The task and all it started are ended then, counted from its beginning. */
  readonly deadlineSeconds: number;
  /** How long this call waits for its end. */
  readonly waitSeconds: number;
  /**
   * A word for an operator's decision to begin the task anew: tries under any other word are put aside. The same word twice is one decision.
   */
  readonly again?: string;
  readonly signal: AbortSignal;
}

/** How a task stands on a host. `unknown`: it was begun, nobody keeps it any more, and it left no result: it may have done anything. */
export type TaskState =
  | {readonly kind: 'running'}
  | {readonly kind: 'unknown'}
  | {readonly kind: 'ended'; readonly status: number; readonly lateAfterSeconds: number | undefined; readonly output: string};

/**
 * Begins a task on a host unless this run has begun it there, and tells how it stands. Safe to repeat, from any machine that holds the
 * lease for the run: a task that is under way is found again. Throws `VerbError`; after `lost` it may have begun.
 */
export async function runTaskOn(link: Link, call: TaskCall): Promise<TaskState> {
  const {root, app, fence, task, command, from, to, deadlineSeconds, waitSeconds, again, signal} = call;
  const body = await callVerb(link, {
    verb: 'once',
    values: {root, app, ...fence, kind: task, from, to, seconds: deadlineSeconds, wait: waitSeconds, detail: again},
    payload: `${command}\n`,
    signal,
    idleTimeoutMs: (waitSeconds + 60) * 1000,
    totalTimeoutMs: (waitSeconds + 60) * 1000,
    maxReplyBytes: 1024 * 1024,
  });
  return parseTask(body);
}

function parseTask(body: string): TaskState {
  const output = body.indexOf('output\n');
  const head = output < 0 ? body : body.slice(0, output);
  const status = /^status (\d+)$/m.exec(head)?.[1];
  if (/^task ended$/m.test(head) && status !== undefined) {
    const late = /^late (\d+)$/m.exec(head)?.[1];
    return {
      kind: 'ended',
      status: Number(status),
      lateAfterSeconds: late === undefined ? undefined : Number(late),
      output: output < 0 ? '' : body.slice(output + 7),
    };
  }
  return /^task running$/m.test(head) ? {kind: 'running'} : {kind: 'unknown'};
}
