import {Flags} from '@oclif/core';
import {DroverError} from '../errors/drover-error.js';

export const embargoFlags = {
  'ignore-embargo': Flags.boolean({description: 'switch before the embargo of the snapshot ends; wants --reason', helpGroup: 'EMERGENCY'}),
};

/** True when the embargo is to be ignored; without a reason for the record that is refused. */
export function readEmbargoFlag(flags: {readonly 'ignore-embargo': boolean; readonly reason: string}): boolean {
  if (flags['ignore-embargo'] && flags.reason.trim() === '') {
    throw new DroverError({code: 'refused', message: '--ignore-embargo wants a reason for the record', fix: 'add --reason "…"'});
  }
  return flags['ignore-embargo'];
}
