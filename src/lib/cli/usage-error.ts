import type {Problem} from '../errors/drover-error.js';
import {findClosest} from '../inventory/closest-name.js';

// biome-ignore lint/suspicious/noControlCharactersInRegex: the colour codes that oclif puts into its messages
const ansiColour = /\u001b\[[0-9;]*m/g;

/** oclif's parser errors carry what was being parsed. */
interface ParseError extends Error {
  readonly parse: {readonly input?: {readonly flags?: Readonly<Record<string, unknown>>}};
  readonly flags?: readonly string[];
  readonly args?: readonly (string | {readonly name: string})[];
}

function isParseError(error: Error): error is ParseError {
  return 'parse' in error && typeof error.parse === 'object' && error.parse !== null;
}

/** oclif's parser errors in drover's words: one line, the value, the fix. Undefined for any other error. */
export function describeUsage(error: Error): Problem | undefined {
  const seeHelp = 'see --help';
  if (!isParseError(error)) {
    return 'oclif' in error
      ? {code: 'usage', message: error.message.replace(/^Flag (--\S+) expects a value$/, '$1 needs a value'), fix: seeHelp}
      : undefined;
  }
  const unknown = error.flags?.[0];
  if (unknown !== undefined) {
    const closest = findClosest(unknown.replace(/^-+/, ''), Object.keys(error.parse.input?.flags ?? {}));
    return {code: 'usage', message: `unknown flag ${unknown}`, fix: closest === undefined ? seeHelp : `did you mean --${closest}?`};
  }
  const [first] = error.args ?? [];
  if (typeof first === 'string') return {code: 'usage', message: `unexpected argument ${JSON.stringify(first)}`, fix: seeHelp};
  if (first !== undefined) return {code: 'usage', message: `${first.name.toUpperCase()} is missing`, fix: seeHelp};
  const words = error.message
    .replace(/\n?See more help with --help$/, '')
    .replace(/^The following errors? occurred:\s*/, '')
    .replace(ansiColour, '')
    .split('\n')
    .map((line) => reword(line.trim()))
    .filter((line) => line !== '')
    .join('; ');
  return {code: 'usage', message: words, fix: seeHelp};
}

function reword(line: string): string {
  return line
    .replace(/^Missing required flag (\S+)$/, '--$1 is missing')
    .replace(/^Expected (--\S+?)=(.*) to be one of: (.*)$/, (_, flag: string, value: string, choices: string) => {
      return `${flag} must be one of ${choices}, got ${JSON.stringify(value)}`;
    });
}
