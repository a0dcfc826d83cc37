import {Listr} from 'listr2';
import type {Line} from './event-text.js';
import type {LiveScreen} from './live-screen.js';

const redrawEveryMs = 100;

/** A phase as it is shown: `compose` while it goes on, `conclude` once, as lines that stay. */
export interface PhaseView {
  readonly screen: LiveScreen;
  compose(): readonly Line[];
  conclude(): readonly Line[];
}

/**
 * Draws one phase as a few rows, ten times a second at most, from `compose` alone. listr2's own renderer redraws
 * every task on every event and wraps to the width of standard output (measured with 9.0.5: 400 rows cost 46 s of CPU).
 */
class PhaseRenderer {
  static nonTTY = true;
  static rendererOptions: Record<PropertyKey, unknown> = {};
  static rendererTaskOptions: Record<PropertyKey, unknown> = {};
  readonly #view: PhaseView;
  #timer: NodeJS.Timeout | undefined;

  constructor(_tasks: unknown, options: {readonly view: PhaseView}) {
    this.#view = options.view;
  }

  render(): void {
    this.#draw();
    this.#timer = setInterval(() => this.#draw(), redrawEveryMs).unref();
  }

  end(): void {
    clearInterval(this.#timer);
    this.#view.screen.show([]);
    this.#view.screen.print(this.#view.conclude());
  }

  #draw(): void {
    this.#view.screen.show(this.#view.compose());
  }
}

/** Shows a phase until `over` resolves, then leaves its last lines. listr2 only draws: no signals, no retries, no exit. */
export async function showPhase({
  title,
  over,
  view,
}: {
  readonly title: string;
  readonly over: Promise<void>;
  readonly view: PhaseView;
}): Promise<void> {
  const phase = new Listr([{title, task: () => over}], {
    renderer: PhaseRenderer,
    rendererOptions: {view},
    registerSignalListeners: false,
    exitOnError: false,
  });
  await phase.run();
}
