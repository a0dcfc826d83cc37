import * as z from 'zod';
import type {Ending} from './app.js';
import {nameRule, parseRoleName} from './host-name.js';
import {nsqField} from './nsq-schema.js';
import {choiceField, durationField, mapField, namedKeyField, textField} from './schema-field.js';
import {writeIssue} from './schema-problems.js';
import {checkWorkWait, readWorkWait} from './work-wait.js';

const hooks = ['pause', 'until', 'resume'] as const;

const fields = mapField({
  wait: durationField('wait', {description: 'How long to wait for sessions or work in flight to end, on hosts of this role'}).optional(),
  then: choiceField(['close', 'abort', 'wait', 'go'], {
    description:
      'What happens to what is left then: sessions are closed; the host is given up; with workers also: wait until "longest", or go on',
  }).optional(),
  longest: durationField('longest', {
    description: 'With "then: wait": how long to wait in all before the host is given up',
    default: '1h',
  }).optional(),
  pause: textField('pause', {description: 'Shell command on a worker that stops it taking work up; safe to repeat'}).optional(),
  until: textField('until', {description: 'Shell command on a worker that ends with 0 once nothing is in flight'}).optional(),
  resume: textField('resume', {description: 'Shell command on a worker that lets it take work up again; safe to repeat'}).optional(),
  nsq: nsqField.optional(),
});

type EndingInput = z.output<typeof fields>;

const isWork = (input: EndingInput): boolean => input.nsq !== undefined || hooks.some((name) => input[name] !== undefined);

/** Refuses what cannot be meant. */
function checkEndingOfRole(input: EndingInput, context: z.RefinementCtx): void {
  const refuse = (key: string | undefined, fact: string, fix: string): void => {
    context.addIssue({code: 'custom', ...(key === undefined ? {} : {path: [key]}), message: writeIssue(fact, fix)});
  };
  if (!isWork(input)) {
    const {then, longest} = input;
    if (then === 'wait' || then === 'go')
      refuse('then', `"then: ${then}" is for workers`, 'say how they pause: pause, until and resume, or nsq');
    if (longest !== undefined) refuse('longest', 'longest is for workers', 'say how they pause, or write drain.longest');
    return;
  }
  const written = hooks.filter((name) => input[name] !== undefined);
  const missing = hooks.filter((name) => input[name] === undefined);
  if (input.nsq !== undefined && written.length > 0)
    refuse(written[0], `${written[0]} stands beside nsq`, 'remove one: drover pauses the channel itself');
  else if (input.nsq === undefined && missing.length > 0)
    refuse(missing[0], `a worker that is paused needs ${missing.join(' and ')}`, 'pause, until and resume go together');
  if (input.then === 'close') refuse('then', '"then: close" has no meaning for workers', 'write go, to go on with work in flight');
  else checkWorkWait(input, refuse);
}

/** Role -> how its hosts end their work, where that differs from the app's `drain`. */
export const endingSchema = z
  .record(namedKeyField('role', parseRoleName, {rule: nameRule}), fields.superRefine(checkEndingOfRole))
  .transform((roles): readonly Ending[] =>
    Object.entries(roles).flatMap(([name, input]): Ending[] => {
      const role = parseRoleName(name);
      return role === undefined ? [] : [{role, ...readEndingOfRole(input)}];
    }),
  );

function readEndingOfRole(input: EndingInput): Omit<Ending, 'role'> {
  const {wait, then, nsq, pause, until, resume} = input;
  if (nsq !== undefined) return {work: {intake: {kind: 'nsq', ...nsq}, ...readWorkWait(input)}};
  if (pause !== undefined && until !== undefined && resume !== undefined)
    return {work: {intake: {kind: 'hooks', pause, until, resume}, ...readWorkWait(input)}};
  return {...(wait === undefined ? {} : {waitMs: wait}), ...(then === 'close' || then === 'abort' ? {then} : {})};
}
