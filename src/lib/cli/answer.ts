import type {ExitStatus} from '../errors/codes.js';

/** What a command gives back: one text for people, one object for machines, one status for the shell. */
export interface Answer {
  /** Printed on standard output as it is; ends with a line break unless empty. */
  readonly text: string;
  /** Printed instead with --json, as one document. */
  readonly json: object;
  readonly exit: ExitStatus | 1 | 2 | 3;
  /** The status of a program that had our place, whatever it is; counts instead of `exit`. */
  readonly passed?: number;
}

/** A JSON document on one line per top-level run of the tool: pipes and logs keep it whole. */
export function renderJson(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
