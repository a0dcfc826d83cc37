import {setMaxListeners} from 'node:events';
import {setTimeout as sleep} from 'node:timers/promises';

/** Sessions at once on one connection: sshd's MaxSessions is 10 by default. */
const usualSessions = 8;
/** sshd counts a session for a moment longer than it tells of it. */
const lingerMs = 50;
const mostLingers = 40;

/** Lets as many commands at a time onto one connection as its server takes. */
export class ChannelGate {
  private limit = usualSessions;
  private open = 0;
  private hasServed = false;
  private lingers = 0;
  private readonly waiting: (() => void)[] = [];

  /** Waits for a place. Rejects with the signal's reason when that is aborted first. */
  async enter(signal: AbortSignal): Promise<void> {
    while (this.open >= this.limit) {
      signal.throwIfAborted();
      setMaxListeners(0, signal);
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          signal.removeEventListener('abort', wake);
          resolve();
        };
        signal.addEventListener('abort', wake, {once: true});
        this.waiting.push(wake);
      });
    }
    this.open++;
  }

  leave(): void {
    this.open--;
    for (const wake of this.waiting.splice(0)) wake();
  }

  /** The server has opened a session. */
  serve(): void {
    this.hasServed = true;
    this.lingers = 0;
  }

  /**
   * The server refused one more session than others hold: gives the place back, and is true when another try is worth it. A server that has
   * opened sessions before may still count one that has just ended; that is waited for, two seconds at most.
   */
  async refuse(signal: AbortSignal): Promise<boolean> {
    const others = this.open > 1;
    if (others) this.limit = Math.min(this.limit, this.open - 1);
    this.leave();
    if (others) return true;
    if (!this.hasServed || this.lingers >= mostLingers) return false;
    this.lingers += 1;
    await sleep(lingerMs, undefined, {signal}).catch(() => undefined);
    return true;
  }
}
