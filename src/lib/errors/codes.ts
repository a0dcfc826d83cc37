/**
 * The vocabulary of what can go wrong. Pipelines branch on the exit status, people read the code, and the table in
 * docs/exit-codes.md is generated from here.
 */
export const errorCodes = {
  bug: {exit: 1, meaning: 'a bug in drover'},
  usage: {exit: 2, meaning: 'the command line is wrong'},
  selection: {exit: 2, meaning: 'the selection of hosts is empty, unmatched or contradictory'},
  'invalid-file': {exit: 3, meaning: 'a file has content that drover cannot accept'},
  'not-found': {exit: 3, meaning: 'a file, app, snapshot or release that was named does not exist'},
  'invalid-source': {exit: 3, meaning: 'the tree to snapshot holds something that cannot be reproduced'},
  refused: {exit: 4, meaning: 'a safety check refused'},
  unsupported: {exit: 4, meaning: 'a host lacks something drover needs'},
  leased: {exit: 5, meaning: 'another run holds the lease'},
  unreachable: {exit: 6, meaning: 'a host or the bucket could not be reached'},
  authentication: {exit: 6, meaning: 'a host refused the login, or the bucket its key'},
  'host-key': {exit: 6, meaning: 'a host key is unknown, changed or revoked'},
  'rolled-back': {exit: 7, meaning: 'the run failed and was rolled back clean'},
  'needs-attention': {exit: 8, meaning: 'the run failed and left a mixed fleet or debt'},
  integrity: {exit: 9, meaning: 'a digest or signature does not match'},
  unhealthy: {exit: 10, meaning: 'health: degraded or down'},
  interrupted: {exit: 130, meaning: 'interrupted; resumable'},
} as const;

export type ErrorCode = keyof typeof errorCodes;

export type ExitStatus = 0 | 143 | (typeof errorCodes)[ErrorCode]['exit'];
