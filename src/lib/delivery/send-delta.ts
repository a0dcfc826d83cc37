import {createHash} from 'node:crypto';
import {createReadStream} from 'node:fs';
import {type Readable, Transform} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import type {HostApp} from '../host/host-app.js';
import type {StageRequest} from '../host/stage-request.js';
import {VerbError} from '../host/verb-call.js';
import type {Delta} from '../snapshot/store.js';
import {boundTransfer} from './transfer-bound.js';

export interface SendOptions {
  readonly host: HostApp;
  readonly delta: Delta;
  /** Bytes that the files of the delta have once unpacked. */
  readonly unpackedBytes: number;
  /** The app's links: path inside the release -> path below the root. */
  readonly links: Readonly<Record<string, string>>;
  readonly run?: StageRequest['run'];
  /** Bytes of the delta that went so far, what the host had before included; called first where the transfer begins. */
  readonly onProgress: (sentBytes: number) => void;
  /** Holds the bytes to limits; as fast as they go where it is left out. */
  readonly shape?: (source: Readable) => Readable;
  /** The longest that the bytes may take; where it is left out, what a transfer without limits may. */
  readonly totalMs?: number;
  /** A host that has taken no byte for this long has stalled. Limits never keep a transfer waiting as long. */
  readonly stallMs?: number;
}

/** How a push to one host ended: nothing to do, or so many bytes sent from here. `relay` names the host that the others came from. */
export type Sent =
  | {readonly kind: 'unchanged'}
  | {readonly kind: 'staged'; readonly sentBytes: number; readonly resumedBytes: number; readonly relay?: string};

/** No byte taken for this long means that the host has stalled. */
export const usualStallMs = 60_000;

/**
 * Brings one delta to one host and makes it a release there. Continues from what the host has, after checking that it is a prefix of
 * ours; safe to repeat after any failure. Throws `VerbError`: `unreachable` when the link was cut, which is worth another try, and
 * `needs-attention` when the host stalled or took longer than it may, which is not.
 */
export async function sendDelta(options: SendOptions): Promise<Sent> {
  try {
    return await carryDelta(options);
  } catch (error) {
    if (!(error instanceof VerbError) || !error.timedOut) throw error;
    throw describeStall(error, options.host.link.host.name, options.run?.id);
  }
}

async function carryDelta(options: SendOptions): Promise<Sent> {
  const {host, delta, unpackedBytes, links, run} = options;
  const request = describeStage({delta, unpackedBytes, run});
  const offset = await openPart(host, request, delta);
  if (offset === 'staged') return {kind: 'unchanged'};
  await putPart(options, request, offset);
  await host.stageCommit(request, links);
  return {kind: 'staged', sentBytes: delta.bytes - offset, resumedBytes: offset};
}

/** Sends what a host lacks of an open part. */
export async function putPart(options: Omit<SendOptions, 'links'>, request: StageRequest, offset: number): Promise<void> {
  const {
    host,
    delta,
    onProgress,
    shape = asFast,
    totalMs = boundTransfer({bytes: delta.bytes, concurrency: 1}),
    stallMs = usualStallMs,
  } = options;
  if (offset >= delta.bytes && delta.bytes > 0) return;
  let sent = offset;
  onProgress(sent);
  const counted = new Transform({
    transform(piece: Buffer, _encoding, done) {
      sent += piece.length;
      onProgress(sent);
      done(undefined, piece);
    },
  });
  const feeding = pipeline(shape(createReadStream(delta.path, {start: offset})), counted);
  // The call reports a broken transfer; a source that fails ends the stream with its error, which the call sees too.
  feeding.catch(() => undefined);
  try {
    await host.stagePut(request, offset, counted, {idleMs: stallMs, totalMs});
  } finally {
    // A link that was lost before it read a byte leaves the source, and its share of the limits, to nobody.
    counted.destroy();
  }
}

const asFast = (source: Readable): Readable => source;

/** What a host is asked to stage, whatever the way. */
export function describeStage({
  delta,
  unpackedBytes,
  run,
}: Pick<SendOptions, 'delta' | 'unpackedBytes'> & {run: SendOptions['run'] | undefined}): StageRequest {
  return {id: delta.snapshot, base: delta.base, delta, unpackedBytes, files: delta.files, ...(run === undefined ? {} : {run})};
}

/** How much of the delta the host has for sure, after its part was compared with ours; `staged` when it has the release. */
export async function openPart(host: HostApp, request: StageRequest, delta: Delta): Promise<number | 'staged'> {
  const offer = await host.stageOpen(request);
  if (offer.kind === 'staged') return 'staged';
  return offer.bytes > 0 && (await prefixDigest(delta.path, offer.bytes)) === offer.digest ? offer.bytes : 0;
}

/** What was given up by our own clock would be given up again: it is not tried a second time in this run. */
function describeStall(error: VerbError, host: string, run: string | undefined): VerbError {
  const fix = `look at the host, then continue with: ${run === undefined ? 'drover push' : `drover resume ${run}`}`;
  return new VerbError({code: 'needs-attention', message: error.message, host, fix}, error.failure, error.body, true);
}

async function prefixDigest(file: string, bytes: number): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, {start: 0, end: bytes - 1}), hash);
  return hash.digest('hex');
}
