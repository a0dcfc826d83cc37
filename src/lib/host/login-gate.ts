import {DroppedLogin} from './dropped-login.js';
import type {ResolvedSsh} from './ssh-settings.js';

/** Logins at once through one door: sshd's MaxStartups drops some from the eleventh on by default, counting those of everybody. */
const usualLogins = 8;

/** A door that was narrowed lets one more through after this many logins that were not dropped. */
const loginsForMore = 16;

interface Door {
  limit: number;
  open: number;
  /** Logins that were not dropped since the limit last changed. */
  good: number;
  /** In the order in which they came; each is called with its place already taken. */
  readonly waiting: Set<() => void>;
}

/**
 * Lets as many logins at a time through one door (an address, or the jump host before many) as its server takes. A server that drops one gets
 * fewer, and the dropped one waits until another has ended; after `loginsForMore` good logins it gets one more again, up to `usualLogins`. One
 * that is dropped alone is thrown: whoever asked decides when to try again.
 */
export class LoginGate {
  private readonly doors = new Map<string, Door>();

  /** Runs `login` in its turn. Rejects as it does, or with the signal's reason. */
  async pass<T>(name: string, signal: AbortSignal, login: () => Promise<T>): Promise<T> {
    const door = this.doors.get(name) ?? {limit: usualLogins, open: 0, good: 0, waiting: new Set()};
    this.doors.set(name, door);
    for (;;) {
      await enter(door, signal);
      try {
        signal.throwIfAborted();
        const result = await login();
        widen(door);
        return result;
      } catch (error) {
        if (!(error instanceof DroppedLogin) || door.open === 1) throw error;
        door.limit = Math.min(door.limit, door.open - 1);
        door.good = 0;
      } finally {
        door.open--;
        admit(door);
      }
    }
  }
}

/** The door that a login goes through: that of the first jump host, where there is one. */
export function doorTo({proxyJump, hostname, port}: ResolvedSsh): string {
  return proxyJump ?? `${hostname}:${port}`;
}

function widen(door: Door): void {
  if (door.limit === usualLogins || ++door.good < loginsForMore) return;
  door.limit++;
  door.good = 0;
}

async function enter(door: Door, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (door.open < door.limit) {
    door.open++;
    return;
  }
  await new Promise<void>((resolve, reject) => {
    const giveUp = (): void => {
      door.waiting.delete(goOn);
      reject(signal.reason);
    };
    const goOn = (): void => {
      signal.removeEventListener('abort', giveUp);
      resolve();
    };
    signal.addEventListener('abort', giveUp, {once: true});
    door.waiting.add(goOn);
  });
}

/** Gives the places that are free to those who wait longest. */
function admit(door: Door): void {
  for (const goOn of door.waiting) {
    if (door.open >= door.limit) return;
    door.waiting.delete(goOn);
    door.open++;
    goOn();
  }
}
