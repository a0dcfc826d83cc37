import {Flags} from '@oclif/core';
import {DroverError} from '../errors/drover-error.js';
import {parseInstant} from '../inventory/instant.js';

export const noteFlags = {
  note: Flags.string({description: 'a line for people, kept beside the snapshot', helpValue: 'TEXT'}),
  'embargo-until': Flags.string({
    description: 'no deploy before this time, with zone, or +2h; none lifts it',
    helpValue: 'TIME',
  }),
};

const longestNote = 500;

export function readNote(text: string | undefined): string | undefined {
  if (text === undefined || (text.trim() !== '' && text.length <= longestNote && !/\p{Cc}|\p{Cs}/u.test(text))) return text;
  throw new DroverError({
    code: 'usage',
    message: `--note must be one line of 1 to ${longestNote} characters, got ${JSON.stringify(text.slice(0, 40))}`,
  });
}

/** ISO 8601, UTC; null when the embargo is lifted. A time that has passed would be none. */
export function readEmbargo(text: string | undefined, nowMs: number): string | null | undefined {
  if (text === undefined) return undefined;
  if (text === 'none') return null;
  const untilMs = parseInstant(text, '--embargo-until', nowMs);
  if (untilMs > nowMs) return new Date(untilMs).toISOString();
  throw new DroverError({code: 'usage', message: `--embargo-until ${text} has passed`, fix: 'name a time to come, or none'});
}
