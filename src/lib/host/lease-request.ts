/** What a run that may change a host says when it takes the lease. */
export interface LeaseRequest {
  readonly run: string;
  readonly owner: string;
  readonly reason: string;
  readonly ttlSeconds: number;
  /** Left on the host, so that any machine can resume. */
  readonly plan: string;
  /** The host must serve one of the two. */
  readonly from: string | undefined;
  readonly to: string;
  /** Of a reviewed plan: it is taken up once, and only at this epoch. */
  readonly review?: {readonly nonce: string; readonly epoch: number};
  /** A pin on `to` does not hold. */
  readonly allowPinned?: boolean;
  /** Safeties that the operator left out by name, for the host's journal. */
  readonly unsafe?: string;
}

/** Why what is left is not to be shipped again, and the snapshot that it is a part of where it is not one itself. */
export interface PinOut {
  readonly why: string;
  readonly snapshot?: string;
}
