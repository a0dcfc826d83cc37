/** A unit takes about a microsecond, ten before Node has compiled it: a slice stays below the 50 ms that no other host should wait. */
const usualUnits = 2048;

/** Long work on the one thread, cut up so that everything else goes on: one piece of it at a time, and a turn of the event loop after each slice. */
export class WorkSlices {
  private last: Promise<unknown> = Promise.resolve();
  private spent = 0;

  constructor(
    private readonly most = usualUnits,
    private readonly giveTurn: () => Promise<void> = () => new Promise((resolve) => setImmediate(resolve)),
  ) {}

  /** Runs `work` when all that was given before has ended. Rejects as it does. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.last.then(work);
    this.last = result.catch(() => undefined);
    return result;
  }

  /** How many units may follow before the next `spend`. */
  get left(): number {
    return this.most - this.spent;
  }

  /** Notes units that were done, and gives others their turn when the slice is full. */
  async spend(units: number): Promise<void> {
    this.spent += units;
    if (this.spent < this.most) return;
    this.spent = 0;
    await this.giveTurn();
  }
}
