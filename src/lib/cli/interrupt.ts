import {setMaxListeners} from 'node:events';

/** The two stages of a Ctrl-C, and of the SIGTERM with which CI cancels a job. */
export interface Interrupt {
  /** First signal: finish or undo what is in hand. */
  readonly interrupted: AbortSignal;
  /** Second signal: abandon. */
  readonly abandoned: AbortSignal;
  /** 130 or 143, by the first signal. */
  status(): 130 | 143;
  dispose(): void;
}

/** Listens until disposed. `say` tells the person what their Ctrl-C does, and to SIGUSR1 who is `pending`. */
export function listenForInterrupt(say: (...lines: readonly string[]) => void, pending?: () => readonly string[]): Interrupt {
  const first = new AbortController();
  const second = new AbortController();
  // Every host listens to both; Node would call more than ten of them a leak, in the middle of the run.
  setMaxListeners(0, first.signal, second.signal);
  let status: 130 | 143 = 130;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (!first.signal.aborted) {
      status = signal === 'SIGTERM' ? 143 : 130;
      say(`${signal}: finishing the hosts in hand, starting no more; once more to abandon them`);
      first.abort();
    } else if (!second.signal.aborted) {
      say(`${signal}: abandoning; hosts stay on their old or their new release`);
      second.abort();
    }
  };
  const onQuestion = (): void => say(...(pending?.() ?? []));
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  if (pending !== undefined) process.on('SIGUSR1', onQuestion);
  return {
    interrupted: first.signal,
    abandoned: second.signal,
    status: () => status,
    dispose() {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
      process.off('SIGUSR1', onQuestion);
    },
  };
}
