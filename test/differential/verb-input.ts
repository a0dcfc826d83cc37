/** Values of a verb's header, with what only the model or the driver must know. */
export interface VerbInput {
  readonly run?: string | undefined;
  readonly epoch?: number | undefined;
  readonly owner?: string | undefined;
  readonly reason?: string | undefined;
  readonly ttl?: number | undefined;
  readonly id?: string | undefined;
  readonly base?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly part?: string | undefined;
  readonly bytes?: number | undefined;
  readonly offset?: number | undefined;
  readonly seconds?: number | undefined;
  readonly keep?: number | undefined;
  readonly protect?: string | undefined;
  readonly event?: string | undefined;
  readonly detail?: string | undefined;
  readonly kind?: string | undefined;
  readonly token?: string | undefined;
  readonly expect?: number | undefined;
  readonly payload?: string | undefined;
  /** The digest of what the host has of a part, where it has any. */
  readonly have?: string | undefined;
  /** Bytes of the whole delta. */
  readonly whole?: number | undefined;
  /** Which dead-man's switch. */
  readonly number?: number | undefined;
}
