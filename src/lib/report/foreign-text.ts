import {printable, printableLines} from '../errors/printable.js';

/**
 * Takes the force out of CI commands: GitHub runs `::error::` at the start of a line and `##[group]` anywhere in one,
 * Azure `##vso[`, TeamCity `##teamcity[`. A backslash makes them text that can still be read.
 */
export function defuse(line: string): string {
  return line.replace(/^(\s*):(?=:)/, '$1\\:').replace(/#(?=#(\w*)\[)/g, '#\\');
}

/** Foreign text for the inside of one line. */
export function cleanText(text: string): string {
  return defuse(printable(text));
}

/** Foreign text of several lines, each safe at the start of a line. */
export function cleanLines(text: string): string[] {
  return printableLines(text).map(defuse);
}
