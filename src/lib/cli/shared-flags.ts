import {Flags} from '@oclif/core';
import {DroverError} from '../errors/drover-error.js';
import {parseByteSize} from '../inventory/byte-size.js';
import {parseDuration} from '../inventory/duration.js';

/** A whole number within bounds; the message names the flag and both bounds. */
export const boundedInteger = Flags.custom<number, {min: number; max: number}>({
  parse: async (text, _context, {min, max, name}) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new DroverError({code: 'usage', message: `--${name} must be a whole number ${min}..${max}, got "${text}"`});
  },
});

/** A length of time in milliseconds, written with its unit. */
export const duration = Flags.custom<number>({
  parse: async (text, _context, {name}) => parseDuration(text, `--${name}`),
});

/** Bytes, written as `20M` or `1GiB`. */
export const byteSize = Flags.custom<number>({
  parse: async (text, _context, {name}) => parseByteSize(text, `--${name}`),
});

export const projectFlags = {
  config: Flags.string({char: 'c', description: 'the project file', default: 'drover.yml', env: 'DROVER_CONFIG', helpGroup: 'PROJECT'}),
  inventory: Flags.string({
    char: 'i',
    description: 'inventory to use instead of the one the project names',
    env: 'DROVER_INVENTORY',
    helpGroup: 'PROJECT',
  }),
  'trust-inventory': Flags.boolean({
    description: 'trust what the inventory runs here, a program, an ssh_config or link: local with the project, as they are now',
    helpGroup: 'PROJECT',
  }),
};

/** Which hosts: an empty, missing or unmatched selection never means all. */
export const selectionFlags = {
  hosts: Flags.string({description: 'hosts: web[01-12], role:web&silo:eu, web*, !web03', helpGroup: 'SELECTION'}),
  silo: Flags.string({description: 'hosts of this silo', multiple: true, helpGroup: 'SELECTION'}),
  role: Flags.string({description: 'hosts with this role', multiple: true, helpGroup: 'SELECTION'}),
  exclude: Flags.string({description: 'leave these hosts out', helpGroup: 'SELECTION'}),
  limit: boundedInteger({description: 'at most this many hosts', min: 1, max: 100_000, helpGroup: 'SELECTION'}),
  pick: boundedInteger({description: 'this many of them, by chance', min: 1, max: 100_000, helpGroup: 'SELECTION'}),
  'hosts-from': Flags.custom<readonly string[]>({
    parse: async (text) => (await import('./hosts-of-run.js')).readHostsOfRun(text, process.env),
  })({
    description: 'the hosts of a recorded run; RUN:failed those that did not end well, RUN:done the others',
    helpValue: 'RUN',
    helpGroup: 'SELECTION',
  }),
  all: Flags.boolean({description: 'all hosts', helpGroup: 'SELECTION'}),
};

export const fanOutFlags = {
  concurrency: boundedInteger({
    description: 'hosts worked on at once',
    default: 64,
    min: 1,
    max: 1000,
    env: 'DROVER_CONCURRENCY',
    helpGroup: 'RUN',
  }),
  events: Flags.string({description: 'write every event as NDJSON to this file, or - for standard output', helpGroup: 'RUN'}),
  quiet: Flags.boolean({char: 'q', description: 'no progress on standard error', helpGroup: 'RUN'}),
  reason: Flags.string({description: 'why, for the lease and the record', default: '', helpGroup: 'RUN'}),
};

/** Of commands that leave a record, and so compare the inventory with the last one. */
export const recordFlags = {
  'inventory-changed': Flags.boolean({
    description: 'the inventory may have lost more than half of its hosts since the last run',
    helpGroup: 'PROJECT',
  }),
};

export const dryRunFlags = {
  'dry-run': Flags.boolean({description: 'read what is there, print what would be asked of each host, change nothing', helpGroup: 'RUN'}),
};

/** Where a run takes leases. */
export const waitFlags = {
  'wait-lease': duration({
    description: 'how long to wait when another run has a host; refused at once by default',
    helpValue: 'DURATION',
    helpGroup: 'RUN',
  }),
};

export const approvalFlags = {
  yes: Flags.boolean({char: 'y', description: 'do not ask', helpGroup: 'RUN'}),
};
