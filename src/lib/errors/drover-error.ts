import {type ErrorCode, type ExitStatus, errorCodes} from './codes.js';
import {printable} from './printable.js';

/** One thing that is wrong: what (with the value), where, and what to type next. */
export interface Problem {
  readonly code: ErrorCode;
  /** What is wrong, one line, with the value quoted. Foreign text in it is escaped when it is shown. */
  readonly message: string;
  readonly file?: string;
  /** 1-based. */
  readonly line?: number;
  /** 1-based, in characters. */
  readonly column?: number;
  readonly host?: string;
  /** The next step, as an imperative. */
  readonly fix?: string;
}

/** A failure on purpose. Everything else that is thrown is a bug. */
export class DroverError extends Error {
  override readonly name = 'DroverError';
  readonly problems: readonly [Problem, ...Problem[]];

  constructor(first: Problem, ...more: readonly Problem[]) {
    super(first.message);
    this.problems = [first, ...more];
  }

  get code(): ErrorCode {
    return this.problems[0].code;
  }

  /** The exit status of the first problem: the others are of the same file or the same preflight. */
  get exit(): ExitStatus {
    return errorCodes[this.code].exit;
  }
}

/** `error[code]: message (file:line:col); fix` on one line, safe for a terminal. */
export function formatProblem(problem: Problem): string {
  const position = problem.line === undefined ? '' : `:${problem.line}:${problem.column ?? 1}`;
  const where = problem.file === undefined ? '' : ` (${problem.file}${position})`;
  const fix = problem.fix === undefined ? '' : `; ${problem.fix}`;
  return printable(`error[${problem.code}]: ${problem.message}${where}${fix}`);
}
