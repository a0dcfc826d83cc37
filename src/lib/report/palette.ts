import {Chalk} from 'chalk';

export type Paint = 'good' | 'bad' | 'warn' | 'dim' | 'strong';

/** Colours by meaning; without colour every function returns its text. */
export type Palette = Readonly<Record<Paint, (text: string) => string>>;

export function createPalette(colour: boolean): Palette {
  const chalk = new Chalk({level: colour ? 1 : 0});
  return {good: chalk.green, bad: chalk.red, warn: chalk.yellow, dim: chalk.dim, strong: chalk.bold};
}
