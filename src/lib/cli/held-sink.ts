import type {DroverEvent} from '../events/event.js';
import type {Reporter} from '../report/reporter.js';

/** A reporter that can be told to wait: while a person is being asked, nothing may draw over the question. Events keep their order. */
export class HeldSink implements Reporter {
  private held: DroverEvent[] | undefined;

  constructor(private readonly inner: Reporter) {}

  accept(event: DroverEvent): void | Promise<void> {
    if (this.held !== undefined) {
      this.held.push(event);
      return;
    }
    return this.inner.accept(event);
  }

  say(lines: readonly string[], asked?: 'asked'): void {
    this.inner.say(lines, asked);
  }

  hold(): void {
    this.held ??= [];
  }

  async letGo(): Promise<void> {
    const events = this.held ?? [];
    this.held = undefined;
    for (const event of events) await this.inner.accept(event);
  }

  async close(): Promise<void> {
    await this.letGo();
    await this.inner.close();
  }
}
