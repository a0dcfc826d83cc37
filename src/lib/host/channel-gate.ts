import {setMaxListeners} from 'node:events';

/** Sessions at once on one connection: sshd's MaxSessions is 10 by default. */
const usualSessions = 8;

/** Lets as many commands at a time onto one connection as its server takes. */
export class ChannelGate {
  private limit = usualSessions;
  private open = 0;
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

  /** The server refused one more session than others hold: gives the place back; false when there are no others to wait for. */
  refuse(): boolean {
    if (this.open > 1) this.limit = Math.min(this.limit, this.open - 1);
    const others = this.open > 1;
    this.leave();
    return others;
  }
}
