import type {ErrorCode} from '../errors/codes.js';

/** What a verb's own exit status means; the verbs (`verbs/*.sh`) and this table are one vocabulary. */
export const verbStatus = {
  9: {name: 'unfetched', code: 'unreachable'},
  10: {name: 'leased', code: 'leased'},
  11: {name: 'fenced', code: 'leased'},
  12: {name: 'conflict', code: 'refused'},
  13: {name: 'missing', code: 'not-found'},
  14: {name: 'damaged', code: 'integrity'},
  15: {name: 'no-space', code: 'refused'},
  16: {name: 'unsupported', code: 'unsupported'},
  17: {name: 'unsafe', code: 'refused'},
  18: {name: 'disk', code: 'refused'},
  20: {name: 'called-off', code: 'refused'},
  21: {name: 'busy', code: 'refused'},
  22: {name: 'reverted-itself', code: 'refused'},
  23: {name: 'late', code: 'refused'},
  24: {name: 'no-relay', code: 'refused'},
  25: {name: 'lying-relay', code: 'integrity'},
  26: {name: 'applied', code: 'refused'},
  27: {name: 'stale', code: 'refused'},
  28: {name: 'pinned', code: 'refused'},
} as const satisfies Record<number, {name: string; code: ErrorCode}>;

export type VerbFailure = (typeof verbStatus)[keyof typeof verbStatus]['name'] | 'lost' | 'unexpected';
