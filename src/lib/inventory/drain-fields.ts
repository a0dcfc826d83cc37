import * as z from 'zod';
import {DroverError} from '../errors/drover-error.js';
import type {Drain} from './app.js';
import {formatDuration} from './duration.js';
import {hostNameRule, parseHostName} from './host-name.js';
import {choiceField, durationField, namedField, namedKeyField, parsedField} from './schema-field.js';
import {writeIssue} from './schema-problems.js';
import {parseSelection} from './selection-expression.js';

/** Names in a HAProxy configuration, and of upstreams. */
export function parseProxyName(text: string): string | undefined {
  return /^[A-Za-z0-9_.:-]{1,200}$/.test(text) ? text : undefined;
}

export const proxyRule = 'letters, digits, and _ . : -';

export function makeOnField(description: string, byDefault?: string) {
  const check = (text: string): string => {
    parseSelection(text, 'on');
    return text;
  };
  return parsedField(check, {
    description,
    examples: ['role:balancer'],
    ...(byDefault === undefined ? {} : {default: byDefault}),
  }).optional();
}

/** Host -> what the balancer calls it. */
export function makeNamesField(what: string, parse: (text: string) => string | undefined, {rule, of}: {rule: string; of: string}) {
  return z
    .record(namedKeyField('host', parseHostName, {rule: hostNameRule}), namedField(what, parse, {rule, description: of}))
    .meta({description: `Host -> ${of}, where they differ`})
    .optional();
}

/** A shell command that travels as one line. */
export function commandField(name: string, description: {readonly description: string; readonly default: string}) {
  return parsedField((text) => {
    if (text.trim() !== '' && !/\p{Cc}/u.test(text)) return text;
    const message = `${name} must be one line with a command, got ${JSON.stringify(text)}`;
    throw new DroverError({code: 'usage', message, fix: 'put several commands into a script on the balancer'});
  }, description).optional();
}

/** What every `drain` may say of the sessions of a host that leaves. */
export const ending = {
  wait: durationField('wait', {description: 'How long to wait for sessions to end', default: '30s'}).optional(),
  then: choiceField(['wait', 'close', 'abort'], {
    description: 'What happens to sessions that are left: wait for them until "longest", close them, or give the host up',
    default: 'close',
  }).optional(),
  longest: durationField('longest', {
    description: 'With "then: wait": how long to wait in all before the host is given up',
    default: '1h',
  }).optional(),
};

interface EndingInput {
  wait?: number | undefined;
  then?: Drain['then'] | undefined;
  longest?: number | undefined;
}

const longestByDefault = 3_600_000;

/** Refuses what cannot be meant. */
export function checkEnding({wait = 30_000, then = 'close', longest}: EndingInput, context: z.RefinementCtx): void {
  const refuse = (fact: string, fix: string): void => {
    context.addIssue({code: 'custom', path: ['longest'], message: writeIssue(fact, fix)});
  };
  if (longest !== undefined && then !== 'wait') refuse(`longest has no meaning with "then: ${then}"`, 'remove it, or write "then: wait"');
  else if (then === 'wait' && (longest ?? longestByDefault) < wait) {
    refuse(`longest is ${formatDuration(longest ?? longestByDefault)}, shorter than wait, ${formatDuration(wait)}`, 'raise longest');
  }
}

export function readEnding({wait = 30_000, then = 'close', longest = longestByDefault}: EndingInput) {
  return {waitMs: wait, then, ...(then === 'wait' ? {longestMs: longest} : {})};
}
