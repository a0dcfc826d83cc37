import {execute, settings} from '@oclif/core';
import {watchOutput} from './lost-output.js';

/** Runs the command that the arguments name. `root` is the folder of package.json and of the manifest. */
export async function main(root: string): Promise<void> {
  // Else oclif would look for TypeScript sources, and run those, where NODE_ENV says "test" or "development".
  settings.enableAutoTranspile = false;
  watchOutput({stdout: process.stdout, exit: (status) => process.exit(status)});
  await execute({loadOptions: {root}});
}
