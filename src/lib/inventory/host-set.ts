import {DroverError} from '../errors/drover-error.js';

/** More hosts than this in one expression is a slip of the hand. */
const maxHostSetSize = 10_000;

/** Digits of a number that is still exact. */
const maxDigits = 15;

function refuse(message: string, fix?: string): never {
  throw new DroverError({code: 'selection', message, ...(fix === undefined ? {} : {fix})});
}

/** Splits at commas that are not inside brackets. */
function splitElements(text: string): string[] {
  const elements: string[] = [];
  let depth = 0;
  let start = 0;
  for (const [at, character] of [...text].entries()) {
    if (character === '[') depth++;
    if (character === ']') depth--;
    if (depth < 0 || depth > 1)
      refuse(`host ${JSON.stringify(text)} has a bracket too many at character ${at + 1}`, 'write, for example, "web[1-3,7]"');
    if (character === ',' && depth === 0) {
      elements.push([...text].slice(start, at).join('').trim());
      start = at + 1;
    }
  }
  if (depth > 0) refuse(`host ${JSON.stringify(text)} lacks a closing bracket`, 'write, for example, "web[1-3,7]"');
  return [...elements, [...text].slice(start).join('').trim()];
}

interface Range {
  readonly first: number;
  readonly last: number;
  /** Numbers are padded with zeros to this width; 1 is unpadded. */
  readonly width: number;
}

function readRange(element: string, item: string): Range {
  const shown = JSON.stringify(element);
  const match = /^(\d+)(?:-(\d+))?$/.exec(item.trim());
  const from = match?.[1];
  if (from === undefined)
    refuse(`host ${shown} has ${JSON.stringify(item)} where a number or a range belongs`, 'write, for example, "web[1-3,7]"');
  const to = match?.[2] ?? from;
  if (from.length > maxDigits || to.length > maxDigits) refuse(`host ${shown} has a number of more than ${maxDigits} digits`);
  const [first, last] = [Number(from), Number(to)];
  if (first > last) refuse(`host ${shown} counts down`, `write ${JSON.stringify(element.replace(item, `${to}-${from}`))}`);
  const isPadded = from.startsWith('0') && from.length > 1;
  if (to.startsWith('0') && to.length > 1 && to.length !== from.length) {
    refuse(`host ${shown} mixes widths`, `write ${JSON.stringify(element.replace(item, `${from.padStart(to.length, '0')}-${to}`))}`);
  }
  return {first, last, width: isPadded ? from.length : 1};
}

function expandElement(element: string, room: number, whole: string): string[] {
  let names = [''];
  for (const part of element.split(/(\[[^\]]*\])/)) {
    if (!part.startsWith('[')) {
      names = names.map((name) => name + part);
      continue;
    }
    const ranges = part
      .slice(1, -1)
      .split(',')
      .map((item) => readRange(element, item));
    const count = names.length * ranges.reduce((sum, {first, last}) => sum + last - first + 1, 0);
    if (count > room) refuse(`host ${JSON.stringify(whole)} names more than ${maxHostSetSize.toLocaleString('en')} hosts`, 'name fewer');
    const numbers = ranges.flatMap(({first, last, width}) =>
      Array.from({length: last - first + 1}, (_, index) => String(first + index).padStart(width, '0')),
    );
    names = names.flatMap((name) => numbers.map((number) => name + number));
  }
  return names;
}

/**
 * The names of a host set, in the order written and each once: `web[01-03,7].eu,lb1` is web01.eu, web02.eu, web03.eu, web7.eu, lb1.
 * Several brackets multiply. Padding is that of the start of a range. The names themselves are not judged: see `parseHostName`.
 * Throws `selection` for what is not a host set, and for more than 10,000 names.
 */
export function expandHostSet(text: string): string[] {
  const names = new Set<string>();
  for (const element of splitElements(text)) {
    if (element === '') refuse(`host ${JSON.stringify(text)} has an empty name`, 'remove the comma or name a host');
    for (const name of expandElement(element, maxHostSetSize, text)) names.add(name);
    if (names.size > maxHostSetSize)
      refuse(`host ${JSON.stringify(text)} names more than ${maxHostSetSize.toLocaleString('en')} hosts`, 'name fewer');
  }
  return [...names];
}
