import type {Writable} from 'node:stream';
import {cleanText} from './foreign-text.js';
import {createPlainLines} from './plain-lines.js';
import type {Reporter} from './reporter.js';

/** `live`: rows that are redrawn, for a terminal. `plain`: a line for what matters, for pipes and CI. `silent`: nothing. */
export type ReportMode = 'live' | 'plain' | 'silent';

/**
 * The one door to what people see while a run goes on. Draws on `stream` (standard error) only; who opens decides
 * mode and colour. `columns` is asked at every drawing, so that a resized terminal is followed.
 */
export async function openReporter({
  mode,
  stream,
  colour,
  columns,
  now,
}: {
  readonly mode: ReportMode;
  readonly stream: Writable;
  readonly colour: boolean;
  readonly columns: () => number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}): Promise<Reporter> {
  const say = (lines: readonly string[], asked?: 'asked'): void => {
    stream.write(`${asked === undefined ? '\n' : ''}${lines.map((line) => `${cleanText(line)}\n`).join('')}`);
  };
  switch (mode) {
    case 'live': {
      const {createLiveView} = await import('./live-view.js');
      return createLiveView({stream, colour, columns, now});
    }
    case 'plain':
      return {...createPlainLines({stream, colour, now}), say};
    case 'silent':
      return {accept: () => undefined, close: () => Promise.resolve(), say};
  }
}
