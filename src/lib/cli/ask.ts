import {DroverError} from '../errors/drover-error.js';

/** Asks a person yes or no on standard error. Without a terminal nothing is assumed: it refuses. */
export async function askToGoOn(
  question: string,
  options: {readonly yes: boolean; readonly mayAsk: boolean; readonly signal: AbortSignal},
): Promise<boolean> {
  if (options.yes) return true;
  if (!options.mayAsk)
    throw new DroverError({
      code: 'refused',
      message: 'refusing to continue without a terminal',
      fix: 'pass --yes, or an approved --plan FILE',
    });
  const {default: inquirer} = await import('inquirer');
  const prompt = inquirer.createPromptModule({output: process.stderr});
  const answers = await prompt<{on: boolean}>([{type: 'confirm', name: 'on', message: question, default: false}], undefined);
  options.signal.throwIfAborted();
  return answers.on;
}
