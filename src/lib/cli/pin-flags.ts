import {Flags} from '@oclif/core';
import {DroverError} from '../errors/drover-error.js';

export const pinFlags = {
  'allow-pinned': Flags.string({
    description: 'ship what was taken back from a host before, for this reason',
    helpValue: 'REASON',
    helpGroup: 'EMERGENCY',
  }),
};

/** Why a pin is not to hold; undefined where it holds. Throws `refused` for no reason. */
export function readPinFlag(flags: {readonly 'allow-pinned'?: string | undefined}): string | undefined {
  const reason = flags['allow-pinned'];
  if (reason === undefined || reason.trim() !== '') return reason;
  throw new DroverError({code: 'refused', message: '--allow-pinned wants a reason for the record', fix: 'add --allow-pinned "…"'});
}
