import {Flags} from '@oclif/core';
import {DroverError} from '../errors/drover-error.js';

export const contractFlags = {
  'past-contract': Flags.boolean({
    description: 'bring a release back that served before a contract (once.after) ran; wants --reason',
    helpGroup: 'EMERGENCY',
  }),
};

/** True when a contract is to be gone past; without a reason for the record that is refused. */
export function readContractFlag(flags: {readonly 'past-contract': boolean; readonly reason: string}): boolean {
  if (flags['past-contract'] && flags.reason.trim() === '') {
    throw new DroverError({code: 'refused', message: '--past-contract wants a reason for the record', fix: 'add --reason "…"'});
  }
  return flags['past-contract'];
}
