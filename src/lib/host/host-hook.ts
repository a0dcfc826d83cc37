import {Readable} from 'node:stream';
import type {Fence} from './fence.js';
import {KeptOutput} from './kept-output.js';
import type {Link} from './link.js';
import {LiveOutput} from './live-output.js';
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
  /** Of an output that was followed, the end is missing: something that the command left behind kept it open. */
  readonly isCut?: true;
}

/** A command on a host, without any app. Its exit status is a value; only a link or a host that fails throws. */
export async function runHookOn(
  link: Link,
  hook: Hook & {
    readonly root?: string;
    readonly app?: string;
    readonly maxBytes?: number;
    /** Runs it as root by `sudo -n`, which never asks for a password. */
    readonly sudo?: boolean;
    /** A file that the command finds as `$1`. */
    readonly script?: Buffer;
    /** Its standard input; empty by default. */
    readonly input?: Buffer;
    /** Gets the output as it comes, all of it. */
    readonly onPiece?: (piece: Buffer) => void;
    readonly signal: AbortSignal;
  },
): Promise<HookResult> {
  const {command, seconds, cwd, fence, event, from, to, root, app, maxBytes, sudo, script, input, onPiece, signal} = hook;
  const line = Buffer.from(`${command}\n`);
  const hasParts = script !== undefined || input !== undefined;
  let live: LiveOutput | undefined;
  const followed = new KeptOutput(maxBytes ?? 65_536);
  const follow = (piece: Buffer): void => {
    followed.add(piece);
    onPiece?.(piece);
  };
  const kinds = [...(sudo === true ? ['sudo'] : []), ...(onPiece === undefined ? [] : ['live'])];
  const body = await callVerb(link, {
    verb: 'hook',
    values: {
      ...{root, app, ...fence, event, from, to, cwd, seconds, max: maxBytes},
      ...(kinds.length === 0 ? {} : {kind: kinds.join('-')}),
      ...(hasParts ? {bytes: line.length, offset: line.length + (script?.length ?? 0)} : {}),
    },
    // Many hosts share what is sent to each.
    payload: hasParts ? Readable.from([line, script, input].filter((part) => part !== undefined && part.length > 0)) : line,
    signal,
    idleTimeoutMs: (seconds + 15) * 1000,
    totalTimeoutMs: (seconds + 15) * 1000,
    maxReplyBytes: (maxBytes ?? 65_536) + 1024 * 1024,
    ...(onPiece === undefined ? {} : {live: (nonce: string) => (live = new LiveOutput(nonce, follow))}),
  });
  const status = /^hook-status (\d+)$/m.exec(body)?.[1];
  const late = /^hook-late (\d+)$/m.exec(body)?.[1];
  const output = body.indexOf('output\n');
  return {
    status: Number(status ?? 0),
    lateAfterSeconds: late === undefined ? undefined : Number(late),
    output: live !== undefined ? renderKept(followed) : output < 0 ? '' : body.slice(output + 7),
    ...(live?.isWhole === false && link.kind !== 'printing' ? {isCut: true} : {}),
  };
}

function renderKept(kept: KeptOutput): string {
  const bytes = kept.bytes();
  if (!kept.truncated) return bytes.toString();
  const half = Math.ceil(bytes.length / 2);
  return `${bytes.subarray(0, half).toString()}\n[… output left out here …]\n${bytes.subarray(half).toString()}`;
}
