import type {Fence} from './fence.js';
import type {Link} from './link.js';
import {callVerb} from './verb-call.js';

export interface Hook {
  readonly command: string;
  readonly seconds: number;
  readonly cwd: string | undefined;
  readonly fence?: Fence;
  readonly event?: string;
  readonly from?: string;
  readonly to?: string;
}

export interface HookResult {
  readonly status: number;
  /** Set when the deadline ended it. */
  readonly lateAfterSeconds: number | undefined;
  readonly output: string;
}

/** A command of an app on a host. Its exit status is a value; only a link or a host that fails throws. */
export async function runHookOn(
  link: Link,
  hook: Hook & {readonly root?: string; readonly app?: string; readonly maxBytes?: number; readonly signal: AbortSignal},
): Promise<HookResult> {
  const {command, seconds, cwd, fence, event, from, to, root, app, maxBytes, signal} = hook;
  const body = await callVerb(link, {
    verb: 'hook',
    values: {root, app, ...fence, event, from, to, cwd, seconds, max: maxBytes},
    payload: `${command}\n`,
    signal,
    idleTimeoutMs: (seconds + 15) * 1000,
    totalTimeoutMs: (seconds + 15) * 1000,
    maxReplyBytes: (maxBytes ?? 65_536) + 1024 * 1024,
  });
  const status = /^hook-status (\d+)$/m.exec(body)?.[1];
  const late = /^hook-late (\d+)$/m.exec(body)?.[1];
  const output = body.indexOf('output\n');
  return {
    status: Number(status ?? 0),
    lateAfterSeconds: late === undefined ? undefined : Number(late),
    output: output < 0 ? '' : body.slice(output + 7),
  };
}
