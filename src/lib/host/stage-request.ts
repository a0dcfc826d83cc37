import type {RelayPart} from './host-relay.js';

export interface StageRequest {
  readonly id: string;
  /** Release on the host that the delta starts from. */
  readonly base: string | undefined;
  readonly delta: {
    readonly bytes: number;
    readonly digest: string;
    readonly encoding: 'gzip' | 'zstd';
    /** Size of the archive before it was compressed; no byte more is unpacked. */
    readonly archiveBytes: number;
  };
  /** Bytes that unpacking adds. */
  readonly unpackedBytes: number;
  readonly files: number;
  /** Run and plan to leave on the host, so that another machine can resume; `endsHere` closes the run once the release is staged. */
  readonly run?: {readonly id: string; readonly plan: string; readonly endsHere: boolean};
}

export type Offer = {readonly kind: 'staged'} | {readonly kind: 'part'; readonly bytes: number; readonly digest: string};

/** What relays and peers call the part of a request. */
export function relayPart(request: StageRequest): RelayPart {
  const {bytes, digest} = request.delta;
  return {part: partName(request), bytes, digest};
}

/** Two deltas to one snapshot, from two bases or built twice with other bytes, must never share a part. */
export function partName(request: StageRequest): string {
  return `${request.id.slice(0, 16)}-${request.delta.digest.slice(0, 16)}`;
}
