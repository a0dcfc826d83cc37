import {VerbError} from '../host/verb-call.js';
import type {SharedDelta} from '../snapshot/store.js';
import {describeStage, openPart, type SendOptions, type Sent, usualStallMs} from './send-delta.js';
import {boundTransfer} from './transfer-bound.js';

export interface FetchOptions extends SendOptions {
  readonly shared: SharedDelta;
  /** Most bytes per second, asked before each try; as fast as it goes where it says nothing. */
  readonly rate?: () => number | undefined;
  /** What else to do when this host cannot fetch; `why` is one line. */
  readonly otherwise: (why: string) => Promise<Sent>;
}

/** An address works for a request that begins within this time; whoever is late gets another. */
const addressSeconds = 300;
/** So many addresses bring nothing new, and the host goes another way. */
const maxVainTries = 2;

/**
 * Lets one host fetch a delta from the bucket and makes it a release there. Continues from what the host has, after checking that it is a
 * prefix of ours, with a new address each time. A host that cannot fetch, or that the bucket gave altered bytes, is left to `otherwise`, which
 * finds what arrived.
 */
export async function fetchDelta(options: FetchOptions): Promise<Sent> {
  const {host, delta, unpackedBytes, links, run, onProgress, shared, rate, otherwise} = options;
  const {totalMs = boundTransfer({bytes: delta.bytes, concurrency: 1})} = options;
  const request = describeStage({delta, unpackedBytes, run});
  let offset = await openPart(host, request, delta);
  if (offset === 'staged') return {kind: 'unchanged'};
  const resumedBytes = offset;
  for (let vain = 0; offset < delta.bytes; ) {
    onProgress(offset);
    const config = writeConfig(await shared.presign(addressSeconds), rate?.());
    const before: number = offset;
    const got = await tryFetch(() => host.stageFetch(request, before, config, {idleMs: usualStallMs, totalMs}));
    if (got === delta.bytes) break;
    const problem = typeof got === 'number' ? undefined : got;
    const now = await openPart(host, request, delta);
    if (now === 'staged') return {kind: 'unchanged'};
    vain = now > before ? 0 : vain + 1;
    offset = now;
    if (problem !== undefined && /is missing on this host|holds more than/.test(problem.message)) return otherwise(problem.message);
    if (vain === maxVainTries) return otherwise(problem?.message ?? `${host.link.host.name}: the bucket holds less than the delta has`);
  }
  onProgress(delta.bytes);
  try {
    await host.stageCommit(request, links);
  } catch (error) {
    if (!(error instanceof VerbError) || !/arrived damaged/.test(error.message)) throw error;
    return otherwise(`${host.link.host.name}: the delta in the bucket was altered`);
  }
  return {kind: 'staged', sentBytes: delta.bytes - resumedBytes, resumedBytes};
}

/** How much the host has then, or why curl could not. */
async function tryFetch(fetch: () => Promise<number>): Promise<number | VerbError> {
  try {
    return await fetch();
  } catch (error) {
    if (!(error instanceof VerbError) || error.failure !== 'unfetched') throw error;
    return error;
  }
}

function writeConfig(url: string, rate: number | undefined): string {
  const limit = rate === undefined ? '' : `limit-rate = ${Math.max(1, Math.floor(rate))}\n`;
  return `url = "${url.replace(/["\\]/g, encodeURIComponent)}"\nproto = "=http,https"\n${limit}`;
}
