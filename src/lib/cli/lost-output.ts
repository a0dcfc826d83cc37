import {writeSync} from 'node:fs';

/** As for a file that cannot be written: docs/exit-codes.md. */
const exitStatus = 3;

/**
 * Ends the program in one line when its answer cannot be written (a full disk); what it did stands, and the record of the run is whole. A reader that left early
 * is no failure.
 */
export function watchOutput({stdout, exit}: {readonly stdout: NodeJS.WriteStream; readonly exit: (status: number) => void}): void {
  // Before oclif's own listener, which throws what is not EPIPE.
  stdout.prependListener('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return;
    tell(
      `error[invalid-file]: standard output cannot be written (${error.code ?? error.message}); free space there, then ask again: drover history\n`,
    );
    exit(exitStatus);
  });
}

function tell(line: string): void {
  try {
    writeSync(2, line);
  } catch {
    // Nobody is left to tell.
  }
}
