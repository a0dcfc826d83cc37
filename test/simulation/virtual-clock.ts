/** Who waits: when it is killed its waits never end, and while it is frozen they end late. */
export interface Life {
  alive: boolean;
  frozenUntilMs: number;
}

interface Due {
  readonly atMs: number;
  readonly life: Life | null;
  readonly run: () => void;
  /** What it is, where more than one world may come to it. */
  readonly label: string;
}

/** Time that passes only when nothing is left to do now. */
export class VirtualClock {
  nowMs = 0;
  /** Whose turn it is: all that is waited for until the next event is theirs. */
  acting: Life | null = null;
  private readonly agenda: Due[] = [];

  /** In the order of time, and of being asked for where that is the same. */
  at(atMs: number, run: () => void, life: Life | null = this.acting, label = ''): void {
    let place = this.agenda.length;
    while (place > 0 && this.agenda[place - 1]!.atMs > atMs) place--;
    this.agenda.splice(place, 0, {atMs, run, life, label});
  }

  after(ms: number, run: () => void, life: Life | null = this.acting, label = ''): void {
    this.at(this.nowMs + ms, run, life, label);
  }

  /** What is still to happen by itself, and when. */
  pending(): readonly (readonly [number, string])[] {
    return this.agenda.flatMap(({atMs, life, label}) => (life === null ? [[atMs, label] as const] : []));
  }

  /** Lets whatever waits for a promise go on, then the next thing happen, until `isOver`. False when nothing is left that could happen, or all of `mostEvents` have. */
  async run(isOver: () => boolean, mostEvents: number): Promise<boolean> {
    for (let events = 0; ; events++) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (isOver()) return true;
      const due = this.agenda.shift();
      if (due === undefined || events >= mostEvents) return false;
      if (due.life?.alive === false) continue;
      if (due.life !== null && due.life.frozenUntilMs > due.atMs) {
        this.at(due.life.frozenUntilMs, due.run, due.life, due.label);
        continue;
      }
      this.nowMs = Math.max(this.nowMs, due.atMs);
      this.acting = due.life;
      due.run();
    }
  }

  /** Lets `ms` pass. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms;
    let isOver = false;
    this.at(
      untilMs,
      () => {
        isOver = true;
      },
      null,
    );
    await this.run(() => isOver, Number.POSITIVE_INFINITY);
  }
}

let current = new VirtualClock();

/** One simulation at a time has the clock of this process. */
export function startClock(): VirtualClock {
  current = new VirtualClock();
  return current;
}

export function currentClock(): VirtualClock {
  return current;
}
