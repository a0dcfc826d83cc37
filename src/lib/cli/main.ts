import {execute, settings} from '@oclif/core';
import {watchOutput} from './lost-output.js';

/** Runs the command that the arguments name. `root` is the folder of package.json and of the manifest. */
export async function main(root: string): Promise<void> {
  // Else oclif would look for TypeScript sources, and run those, where NODE_ENV says "test" or "development".
  settings.enableAutoTranspile = false;
  // Asked before a run listens, or after it, nobody is pending; by default Node would open its debugger, or end.
  process.on('SIGUSR1', () => undefined);
  watchOutput({stdout: process.stdout, stderr: process.stderr, onExit: (listener) => process.on('exit', listener)});
  await execute({loadOptions: {root}});
}
