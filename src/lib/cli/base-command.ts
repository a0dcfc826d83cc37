import {Command, Flags} from '@oclif/core';
import {type ErrorCode, errorCodes} from '../errors/codes.js';
import {DroverError, formatProblem, type Problem} from '../errors/drover-error.js';
import {type Answer, renderJson} from './answer.js';
import {describeUsage} from './usage-error.js';

/** At most this many problems of a file or a preflight are shown. */
const shownProblems = 20;

/**
 * Start of every command: flags that all share, one place where answers are printed and errors become a line and a status. A command
 * only says `execute`.
 */
export abstract class BaseCommand extends Command {
  static override baseFlags = {
    json: Flags.boolean({description: 'print exactly one JSON object on standard output', helpGroup: 'GLOBAL'}),
    debug: Flags.boolean({description: 'show stack traces of bugs', helpGroup: 'GLOBAL', env: 'DROVER_DEBUG'}),
  };

  /** The environment, read in one place. */
  protected readonly env: NodeJS.ProcessEnv = process.env;

  protected abstract execute(): Promise<Answer>;

  /** Whether a word stands on the command line, before a `--` that makes all behind it another command's. */
  protected has(word: string): boolean {
    const end = this.argv.indexOf('--');
    return (end < 0 ? this.argv : this.argv.slice(0, end)).includes(word);
  }

  /** JSON on one line, where it is the last of several. */
  protected printsJsonLines(): boolean {
    return false;
  }

  override async run(): Promise<void> {
    // oclif would read a missing argument from standard input, which is an archive, or belongs to the loop around this command.
    for (const arg of Object.values(this.ctor.args)) arg.ignoreStdin = true;
    const json = this.has('--json');
    try {
      const answer = await this.execute();
      process.stdout.write(json ? this.renderJson(answer.json) : answer.text);
      process.exitCode = answer.passed ?? answer.exit;
    } catch (error) {
      this.report(error, json);
    }
  }

  private renderJson(value: object): string {
    return this.printsJsonLines() ? `${JSON.stringify(value)}\n` : renderJson(value);
  }

  private report(error: unknown, json: boolean): void {
    if (isOclifExit(error)) {
      process.exitCode = error.oclif.exit;
      if (error.oclif.exit === 0) return;
    }
    const failure = toDroverError(error);
    if (failure === undefined) {
      const words = error instanceof Error ? error.message : String(error);
      if (this.has('--debug') && error instanceof Error) process.stderr.write(`${error.stack}\n`);
      this.print([{code: 'bug', message: words, fix: 'this is a bug in drover; run again with --debug and report it'}], json);
      process.exitCode = 1;
      return;
    }
    this.print(failure.problems, json);
    process.exitCode = failure.exit;
  }

  private print(problems: readonly Problem[], json: boolean): void {
    const [first] = problems;
    if (json) {
      const exit = first === undefined ? 1 : errorCodes[first.code].exit;
      process.stdout.write(this.renderJson({schemaVersion: 1, exit, error: first, errors: problems}));
      return;
    }
    for (const problem of problems.slice(0, shownProblems)) process.stderr.write(`${formatProblem(problem)}\n`);
    const left = problems.length - shownProblems;
    if (left > 0) process.stderr.write(`and ${left} more\n`);
  }
}

function isOclifExit(error: unknown): error is Error & {oclif: {exit: number}} {
  return error instanceof Error && 'code' in error && error.code === 'EEXIT' && 'oclif' in error;
}

function toDroverError(error: unknown): DroverError | undefined {
  if (error instanceof DroverError) return error;
  if (!(error instanceof Error)) return undefined;
  const usage = describeUsage(error);
  if (usage !== undefined) return new DroverError(usage);
  if (error.name === 'AbortError') return new DroverError({code: 'interrupted' satisfies ErrorCode, message: 'interrupted'});
  return undefined;
}
