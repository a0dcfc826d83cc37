import {parsePort, parseUserName} from '../inventory/host-name.js';
import type {Link} from './link.js';
import {callVerb, VerbError} from './verb-call.js';

/** A part of a delta in `incoming`, and what the whole of it is. */
export interface RelayPart {
  readonly part: string;
  readonly bytes: number;
  readonly digest: string;
}

/** Where peers find a relay. */
export interface RelayDoor {
  readonly port: number;
  /** Login name: the relay's sshd lets in nobody but the user it runs as. */
  readonly user: string;
}

export interface PullRequest extends RelayPart, RelayDoor {
  readonly token: string;
  /** Name or address of the relay as this host reaches it. */
  readonly address: string;
  /** `ssh-ed25519 AAAA…` of the relay. */
  readonly hostKey: string;
  /** Private key that the relay lets in, in OpenSSH's format. */
  readonly clientKey: string;
  /** Proved bytes that are here already. */
  readonly offset: number;
  /** Bytes per second at most, in the mean. */
  readonly rate?: number;
  /** No byte for this long means that the relay hangs. */
  readonly stallSeconds: number;
  readonly onProgress: (haveBytes: number) => void;
}

/** The relay verbs of one app on one host: handing a received part on to peers, and fetching one from a peer. Throws `VerbError`. */
export class HostRelay {
  constructor(
    private readonly link: Link,
    private readonly root: string,
    private readonly signal: AbortSignal,
  ) {}

  /**
   * Starts a relay for a part that is all here. It ends by itself `ttlSeconds` after the last `renew`, and after `lifeSeconds` at the latest.
   * `port` 0 lets the host choose.
   */
  async serve(
    part: RelayPart,
    relay: {token: string; hostKey: string; peerKeys: readonly string[]; ttlSeconds: number; lifeSeconds: number; port: number},
  ): Promise<RelayDoor> {
    const {token, hostKey, peerKeys, ttlSeconds, lifeSeconds, port} = relay;
    const body = await callVerb(this.link, {
      verb: 'relay-serve',
      values: {root: this.root, part: part.part, bytes: part.bytes, token, ttl: ttlSeconds, max: lifeSeconds, port},
      payload: `${hostKey}${peerKeys.map((key) => `${key}\n`).join('')}`,
      signal: this.signal,
    });
    if (this.link.kind === 'printing') return {port: 0, user: ''};
    const door = {port: parsePort(/^port (.*)$/m.exec(body)?.[1] ?? ''), user: parseUserName(/^user (.*)$/m.exec(body)?.[1] ?? '')};
    if (door.port !== undefined && door.user !== undefined) return {port: door.port, user: door.user};
    const {name} = this.link.host;
    const message = `${name}: relay-serve replied ${JSON.stringify(body.slice(0, 200))}`;
    throw new VerbError({code: 'needs-attention', message, host: name}, 'unexpected', body);
  }

  /** Fails with `missing` when the relay has ended. */
  async renew(token: string, ttlSeconds: number): Promise<void> {
    await callVerb(this.link, {verb: 'relay-renew', values: {root: this.root, token, ttl: ttlSeconds}, signal: this.signal});
  }

  /** Ends a relay, its connections and its keys. */
  async end(token: string): Promise<void> {
    await callVerb(this.link, {verb: 'relay-end', values: {root: this.root, token}, signal: this.signal});
  }

  /**
   * Continues a part from a relay. `no-relay`: it did not give all of it, and what came stays. `lying-relay`: what came was something else,
   * and is gone.
   */
  async pull(request: PullRequest): Promise<void> {
    const {part, bytes, digest, offset, token, address, port, user, hostKey, clientKey, stallSeconds, rate, onProgress} = request;
    await callVerb(this.link, {
      verb: 'relay-pull',
      values: {
        root: this.root,
        part,
        bytes,
        digest,
        offset,
        token,
        address,
        port,
        user,
        seconds: stallSeconds,
        ...(rate === undefined ? {} : {rate}),
      },
      payload: `${hostKey}\n${clientKey}`,
      signal: this.signal,
      idleTimeoutMs: 60_000,
      totalTimeoutMs: 12 * 60 * 60 * 1000,
      maxReplyBytes: 64 * 1024,
      onLine: (line) => {
        const have = /^have (\d{1,15})$/.exec(line)?.[1];
        if (have !== undefined) onProgress(Math.min(bytes, Number(have)));
      },
    });
  }
}
