import {Flags} from '@oclif/core';
import {DroverError} from '../errors/drover-error.js';

export const labelFlags = {
  label: Flags.string({
    description: 'a note beside the snapshot, name=value; may be repeated',
    multiple: true,
    helpValue: 'NAME=VALUE',
    default: [],
  }),
};

/** Labels of a snapshot; not part of its id. */
export function readLabels(words: readonly string[]): Readonly<Record<string, string>> {
  const labels: Record<string, string> = {};
  for (const word of words) {
    const match = /^([A-Za-z0-9][A-Za-z0-9._-]{0,62})=(.{0,200})$/.exec(word);
    if (match?.[1] === undefined || match[2] === undefined)
      throw new DroverError({
        code: 'usage',
        message: `--label ${JSON.stringify(word)} is not name=value`,
        fix: 'for example --label build=1234',
      });
    labels[match[1]] = match[2];
  }
  return labels;
}
