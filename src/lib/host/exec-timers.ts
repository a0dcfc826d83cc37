import {setMaxListeners} from 'node:events';
import type {ExecRequest, Exit} from './link.js';

/** The idle and total deadlines of one command, and its abort. `onExpired` is called at most once. */
export class ExecTimers {
  private idle: NodeJS.Timeout | undefined;
  private readonly total: NodeJS.Timeout;
  private readonly onAbort: () => void;
  private over = false;

  constructor(
    private readonly request: ExecRequest,
    private readonly onExpired: (exit: Exit) => void,
  ) {
    const {idleTimeoutMs, totalTimeoutMs, signal} = request;
    this.total = setTimeout(() => this.expire({kind: 'timed-out', afterMs: totalTimeoutMs, what: 'total'}), totalTimeoutMs);
    this.onAbort = () => this.expire({kind: 'lost', reason: 'abandoned'});
    // A run has one signal for all commands of all hosts: many listeners are no leak.
    setMaxListeners(0, signal);
    signal.addEventListener('abort', this.onAbort, {once: true});
    this.idle = setTimeout(() => this.expire({kind: 'timed-out', afterMs: idleTimeoutMs, what: 'idle'}), idleTimeoutMs);
    if (signal.aborted) queueMicrotask(this.onAbort);
  }

  /** A byte went either way. */
  touch(): void {
    this.idle?.refresh();
  }

  stop(): void {
    this.over = true;
    clearTimeout(this.idle);
    clearTimeout(this.total);
    this.request.signal.removeEventListener('abort', this.onAbort);
  }

  private expire(exit: Exit): void {
    if (this.over) return;
    this.stop();
    this.onExpired(exit);
  }
}
