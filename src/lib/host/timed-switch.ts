import type {Link} from './link.js';
import {missingLine, openVerbSession} from './verb-session.js';

export interface TimedMove {
  readonly from: string | undefined;
  readonly to: string;
  readonly confirmSeconds: number;
  /** By the host's own clock, milliseconds since the epoch. */
  readonly instantMs: number;
  /** A host that comes later than this to its switch leaves it. */
  readonly lateMs: number;
}

/** What a timed switch did. `atMs`: the moment of the rename by the host's own journal; undefined when this run did not switch it by the clock. */
export interface TimedResult {
  readonly unchanged: boolean;
  readonly restarted: boolean;
  readonly atMs: number | undefined;
}

/** A host that stands ready to switch by its own clock. Without `go`, or with its session gone before the instant, it does not. */
export interface ArmedSwitch {
  /** Lets it switch at the instant; the result comes after it. Throws `VerbError`. */
  go(): Promise<TimedResult>;
  /** Calls it off, unless the instant has come. */
  callOff(): void;
}

/** Arms a switch on a host; resolves once the host says that it stands ready, or has nothing to do. Throws `VerbError`. */
export async function armSwitch(
  link: Link,
  request: {
    readonly root: string;
    readonly app: string;
    readonly fence: {readonly run: string; readonly epoch: number};
    readonly move: TimedMove;
    readonly now: () => number;
    readonly signal: AbortSignal;
  },
): Promise<ArmedSwitch> {
  const {root, app, fence, move, now, signal} = request;
  const {from, to, confirmSeconds, instantMs, lateMs} = move;
  const session = openVerbSession(link, {
    verb: 'switch',
    values: {root, app, ...fence, from: from ?? '', to, seconds: confirmSeconds, instant: instantMs, late: lateMs},
    signal,
    now,
    totalTimeoutMs: Math.max(0, instantMs - now()) + lateMs + 120_000,
  });
  let armed = false;
  let unchanged = false;
  while (!armed && !unchanged) {
    const line = await session.hear();
    if (line === undefined) {
      await session.ended;
      throw missingLine(link, 'switch');
    }
    armed = line.text === 'armed';
    unchanged = line.text === 'unchanged';
  }
  return {
    async go() {
      session.say('go');
      try {
        const body = await session.ended;
        const at = /^at (\d+) \d+$/m.exec(body)?.[1];
        return {
          unchanged: /^unchanged$/m.test(body),
          restarted: /^restarted$/m.test(body),
          atMs: at === undefined ? undefined : Number(at),
        };
      } finally {
        session.close();
      }
    },
    callOff: () => session.close(),
  };
}
