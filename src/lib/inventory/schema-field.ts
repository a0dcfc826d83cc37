import * as z from 'zod';
import {DroverError} from '../errors/drover-error.js';
import {parseDuration} from './duration.js';
import {writeIssue} from './schema-problems.js';

/** A value as it is shown in `got …`. */
function show(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'a map' : JSON.stringify(value);
}

interface Description {
  readonly description: string;
  readonly examples?: readonly (string | number)[];
  readonly default?: unknown;
  /** For editors; the parser decides. */
  readonly pattern?: string;
}

/** A map with these keys and no others. The names travel in the issue, so that a slip of a key can be told from its neighbours. */
export function mapField<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape, {error: ({code}) => (code === 'unrecognized_keys' ? Object.keys(shape).join('\n') : undefined)});
}

/** What a parser of this room gives, or what it throws as an issue. */
function tryParse<T>(parse: (text: string) => T, text: string): {readonly value: T} | {readonly issue: string} {
  try {
    return {value: parse(text)};
  } catch (error) {
    if (!(error instanceof DroverError)) throw error;
    const [{message, fix}] = error.problems;
    return {issue: writeIssue(message, fix)};
  }
}

/** Undefined when the parser accepts. */
function explainRefusal(parse: (text: string) => unknown, text: string): string | undefined {
  const read = tryParse(parse, text);
  return 'issue' in read ? read.issue : undefined;
}

/** Text that one of the parsers of this room reads; what the parser throws becomes the problem. */
export function parsedField<T>(parse: (text: string) => T, description: Description) {
  return z
    .string({error: ({input}) => (typeof input === 'number' ? explainRefusal(parse, String(input)) : undefined)})
    .transform((text, context): T => {
      const read = tryParse(parse, text);
      if ('value' in read) return read.value;
      context.addIssue({code: 'custom', message: read.issue, input: text});
      return z.NEVER;
    })
    .meta({...description});
}

/** A duration with its unit, in milliseconds. */
export function durationField(name: string, description: Description) {
  return parsedField((text) => parseDuration(text, name), {...description, pattern: '^[0-9]+(ms|s|m|h)$'});
}

/** As `parsedField`, for quantities that may also be written as a bare number (`1`, `1048576`). */
export function quantityField<T>(parse: (text: string) => T, description: Description) {
  return z
    .union([z.string(), z.number()])
    .transform((value, context): T => {
      const read = tryParse(parse, String(value));
      if ('value' in read) return read.value;
      context.addIssue({code: 'custom', message: read.issue, input: value});
      return z.NEVER;
    })
    .meta({...description});
}

interface Grammar extends Description {
  /** What the text is, when `name` does not say it: `path`, `fingerprint`. */
  readonly as?: string;
  /** What is allowed, as the next step of a problem. */
  readonly rule: string;
}

/** Makes a parser that gives undefined for what is outside its grammar throw `usage` instead. */
function requireMatch<T>(
  what: string,
  parse: (text: string) => T | undefined,
  {as = 'name', rule}: Pick<Grammar, 'as' | 'rule'>,
): (text: string) => T {
  return (text) => {
    const parsed = parse(text);
    if (parsed === undefined)
      throw new DroverError({code: 'usage', message: `${what} ${JSON.stringify(text)} is not a valid ${as}`, fix: rule});
    return parsed;
  };
}

/** Text of a narrow grammar: `parse` gives undefined for what is outside it. */
export function namedField<T extends string>(what: string, parse: (text: string) => T | undefined, {as, rule, ...description}: Grammar) {
  return parsedField(requireMatch(what, parse, {rule, ...(as === undefined ? {} : {as})}), description);
}

/** Keys of a map that must be in the grammar of a parser that throws. The keys themselves stay as they are. */
export function keyField(parse: (text: string) => unknown) {
  return z.string().superRefine((text, context) => {
    const issue = explainRefusal(parse, text);
    if (issue !== undefined) context.addIssue({code: 'custom', message: issue, input: text});
  });
}

/** As `keyField`, for a parser that gives undefined for what is outside its grammar. */
export function namedKeyField(what: string, parse: (text: string) => unknown, grammar: Pick<Grammar, 'as' | 'rule'>) {
  return keyField(requireMatch(what, parse, grammar));
}

/** A whole number in a range, both ends included. `because` says why there is a least number. */
export function wholeField(
  name: string,
  [min, max]: readonly [number, number],
  {because, ...description}: Description & {because?: string},
) {
  const range = `${min}..${max}`;
  const explain = (wanted: string) => ({
    error: ({input}: {input?: unknown}): string | undefined =>
      input === undefined ? undefined : writeIssue(`${name} must be ${wanted}, got ${show(input)}`),
  });
  return z
    .int(explain(range))
    .min(min, explain(because === undefined ? range : `at least ${min}, ${because}`))
    .max(max, explain(range))
    .meta({...description});
}

/** Text that may not be empty or hold control characters other than tab and line break. */
export function textField(name: string, description: Description) {
  return parsedField((text) => {
    const isClean = text.trim() !== '' && !/(?![\t\n])\p{Cc}/u.test(text);
    if (!isClean)
      throw new DroverError({code: 'usage', message: `${name} must not be empty or hold control characters, got ${JSON.stringify(text)}`});
    return text;
  }, description);
}

/** One of a few words. */
export function choiceField<const Words extends readonly [string, ...string[]]>(words: Words, description: Description) {
  return z.enum(words).meta({...description});
}
