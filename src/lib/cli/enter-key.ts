import {readFileSync} from 'node:fs';

/**
 * Calls `ask` whenever Enter is pressed at the terminal, until it is told to stop. Whoever reads a terminal from the background is stopped by the
 * kernel: it does not listen there, and no longer once the program was suspended and goes on in the background.
 */
export function listenForEnter(ask: () => void): () => void {
  const {stdin} = process;
  const onData = (): void => ask();
  const stop = (): void => {
    stdin.off('data', onData);
    stdin.pause();
  };
  const onContinue = (): void => {
    if (!isInForeground(false)) stop();
  };
  if (!isInForeground(true)) return () => undefined;
  stdin.on('error', stop);
  stdin.on('data', onData);
  stdin.unref();
  process.on('SIGCONT', onContinue);
  return () => {
    process.off('SIGCONT', onContinue);
    stdin.off('error', stop);
    stop();
  };
}

/** Whether the terminal is ours to read, by what the kernel says; `unknown` where it does not. */
function isInForeground(unknown: boolean): boolean {
  try {
    const [, , group, , , foreground] = readFileSync('/proc/self/stat', 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ');
    return group === foreground;
  } catch {
    return unknown;
  }
}
