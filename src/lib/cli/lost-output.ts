import {writeSync} from 'node:fs';

/** As for a file that cannot be written: docs/exit-codes.md. */
const exitStatus = 3;

interface Watched {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Takes what is to be called when the program ends. */
  readonly onExit: (listener: () => void) => void;
}

/**
 * Lets nothing end because its output cannot be written: a run that died there would leave hosts drained and leased. A lost standard output (a full
 * disk) is told once, in one line, and makes 3 of a status 0; what was done stands, and the record of the run is whole. A reader that left early
 * is no failure. A lost standard error has nobody left to tell.
 */
export function watchOutput({stdout, stderr, onExit}: Watched): void {
  // oclif's own, which throws what is not EPIPE.
  stdout.removeAllListeners('error');
  let lost = false;
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' || lost) return;
    lost = true;
    tell(
      `error[invalid-file]: standard output cannot be written (${error.code ?? error.message}); free space there, then ask again: drover history\n`,
    );
  });
  stderr.on('error', () => undefined);
  onExit(() => {
    if (lost && (process.exitCode ?? 0) === 0) process.exitCode = exitStatus;
  });
}

function tell(line: string): void {
  try {
    writeSync(2, line);
  } catch {
    // Nobody is left to tell.
  }
}
