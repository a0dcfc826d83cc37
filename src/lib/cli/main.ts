import {execute, settings} from '@oclif/core';
import {watchOutput} from './lost-output.js';

/** Runs the command that the arguments name. `root` is the folder of package.json and of the manifest. */
export async function main(root: string): Promise<void> {
  // Else oclif would look for TypeScript sources, and run those, where NODE_ENV says "test" or "development".
  settings.enableAutoTranspile = false;
  watchOutput({stdout: process.stdout, stderr: process.stderr, onExit: (listener) => process.on('exit', listener)});
  await execute({loadOptions: {root}});
}
