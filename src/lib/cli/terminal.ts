import type {ReportMode} from '../report/choose-reporter.js';

/** What the two streams are: decides colour, width and whether anything may be drawn or asked. */
export interface Terminal {
  /** Columns of standard output; undefined when it is no terminal. */
  readonly outColumns: number | undefined;
  readonly outColour: boolean;
  readonly errColour: boolean;
  readonly mode: Exclude<ReportMode, 'silent'>;
  /** True where a person can answer. */
  readonly mayAsk: boolean;
}

/** NO_COLOR wins over FORCE_COLOR's absence; CI and a dumb terminal get plain lines. */
export function inspectTerminal(env: NodeJS.ProcessEnv): Terminal {
  const {stdin, stdout, stderr} = process;
  const dumb = env.TERM === 'dumb';
  const ci = env.CI !== undefined && env.CI !== '' && env.CI !== 'false';
  const forced = env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== '' && env.FORCE_COLOR !== '0';
  const noColour = env.NO_COLOR !== undefined && env.NO_COLOR !== '';
  const colour = (isTty: boolean): boolean => !noColour && (forced || (isTty && !dumb));
  return {
    // A terminal that does not know its size says 0.
    outColumns: stdout.isTTY ? stdout.columns || 80 : undefined,
    outColour: colour(stdout.isTTY === true),
    errColour: colour(stderr.isTTY === true),
    mode: stderr.isTTY === true && !dumb && !ci ? 'live' : 'plain',
    mayAsk: stdin.isTTY === true && stderr.isTTY === true && !ci,
  };
}
