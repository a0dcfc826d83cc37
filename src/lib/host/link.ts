import type {Duplex, Readable} from 'node:stream';
import type {Host} from '../inventory/host.js';

/**
 * How a remote command ended. `lost` means the link died first: the command may still be running, and its effect is
 * unknown until the state is read again. `timed-out` is the same, by our own clock.
 */
export type Exit =
  | {readonly kind: 'exited'; readonly status: number}
  | {readonly kind: 'killed'; readonly signal: string}
  | {readonly kind: 'lost'; readonly reason: string}
  | {readonly kind: 'timed-out'; readonly afterMs: number; readonly what: 'idle' | 'total'};

export interface ExecRequest {
  /** What the login shell gets: always `exec /bin/sh …`, without a single byte of a caller's value in it. */
  readonly command: string;
  /** The same in words, for a dry run and for messages. */
  readonly label?: string;
  /** Standard input; it is ended after the last byte. */
  readonly stdin?: Buffer | Readable;
  /** No byte in either direction for this long ends the command. */
  readonly idleTimeoutMs: number;
  /** The whole command, from the request on. */
  readonly totalTimeoutMs: number;
  /** At most this many bytes of each output stream are kept (head and tail); the rest is read and dropped. */
  readonly maxOutputBytes: number;
  readonly signal: AbortSignal;
  /** Called with each piece of output as it lands; a promise holds that stream back until it resolves, and never rejects. */
  readonly onOutput?: (stream: 'stdout' | 'stderr', piece: Buffer) => unknown;
  /** Whether all that was asked for has come: what keeps the streams open after that, a daemon that was left behind, is not waited for. */
  readonly isOver?: () => boolean;
}

export interface ExecResult {
  readonly exit: Exit;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  /** True where `maxOutputBytes` cut something out. */
  readonly truncated: boolean;
}

/** A socket on the host, as the host itself would open it. */
export type DialTarget =
  | {readonly kind: 'tcp'; readonly host: string; readonly port: number}
  | {readonly kind: 'unix'; readonly path: string};

/**
 * One authenticated connection to one host, opened on first use and held for the whole run. Connection failures are
 * thrown as `DroverError` (`unreachable`, `authentication`, `host-key`); everything after that is a value.
 */
export interface Link {
  readonly host: Host;
  readonly kind: 'ssh' | 'openssh' | 'local' | 'printing';
  /** Fingerprint of the key that the host proved, or, where the client does not tell, of each key that it would be trusted with. None without a network. */
  hostKeys?(): Promise<readonly string[]>;
  exec(request: ExecRequest): Promise<ExecResult>;
  /** A byte stream to a socket on the host; a refused target rejects with `DroverError` `unreachable`. */
  dial(target: DialTarget, signal: AbortSignal): Promise<Duplex>;
  /** Closes the connection; safe to call twice, never throws. */
  close(): Promise<void>;
}

/** Opens links; remembers one per host. */
export interface LinkOpener {
  open(host: Host, signal: AbortSignal): Promise<Link>;
  /** Forgets a link that was lost, so that the next `open` connects anew. */
  drop(host: Host): Promise<void>;
  closeAll(): Promise<void>;
}
