import {DroppedLogin} from './dropped-login.js';

/** Logins at once through one door: sshd's MaxStartups drops some from the eleventh on by default, counting those of everybody. */
const usualLogins = 8;

interface Door {
  limit: number;
  open: number;
  readonly waiting: (() => void)[];
}

/**
 * Lets as many logins at a time through one door (an address, or the jump host before many) as its server takes. A server that drops one gets
 * fewer from then on, and the dropped one waits until another has ended; that happens at most `usualLogins` times a door. One that is dropped
 * alone is thrown: whoever asked decides when to try again.
 */
export class LoginGate {
  private readonly doors = new Map<string, Door>();

  /** Runs `login` in its turn. Rejects as it does, or with the signal's reason. */
  async pass<T>(name: string, signal: AbortSignal, login: () => Promise<T>): Promise<T> {
    const door = this.doors.get(name) ?? {limit: usualLogins, open: 0, waiting: []};
    this.doors.set(name, door);
    for (;;) {
      await enter(door, signal);
      try {
        return await login();
      } catch (error) {
        if (!(error instanceof DroppedLogin) || door.open === 1) throw error;
        door.limit = Math.min(door.limit, door.open - 1);
      } finally {
        door.open--;
        for (const wake of door.waiting.splice(0)) wake();
      }
    }
  }
}

async function enter(door: Door, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  while (door.open >= door.limit) {
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        signal.removeEventListener('abort', wake);
        resolve();
      };
      signal.addEventListener('abort', wake, {once: true});
      door.waiting.push(wake);
    });
    signal.throwIfAborted();
  }
  door.open++;
}
