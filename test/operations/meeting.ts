import {DroverError} from '../../src/lib/errors/drover-error.js';
import type {Happening} from '../../src/lib/events/event.js';
import type {RunEnd} from '../../src/lib/operations/run-end.js';

/** How a run ended for its operator; `words` and `fix` of the first problem, empty where it was not refused. */
export async function endOf(run: Promise<RunEnd>): Promise<{readonly exit: number; readonly words: string; readonly fix?: string}> {
  try {
    const {exit} = await run;
    return {exit, words: ''};
  } catch (error) {
    if (!(error instanceof DroverError)) throw error;
    const [{message, fix}] = error.problems;
    return {exit: error.exit, words: message, ...(fix === undefined ? {} : {fix})};
  }
}

/** Lets runs take their first leases together, once all of them are about to. Gives each run its ear. */
export function together(count: number): () => (happening: Happening) => Promise<void> | undefined {
  let left = count;
  let open: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  return () => {
    let isFirst = true;
    return (happening) => {
      if (happening.kind !== 'step-started' || happening.step !== 'lease') return undefined;
      if (isFirst && --left === 0) open();
      isFirst = false;
      return gate;
    };
  };
}
