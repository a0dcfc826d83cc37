import {randomBytes} from 'node:crypto';
import {setTimeout as sleep} from 'node:timers/promises';
import {DroverError} from '../errors/drover-error.js';
import type {PooledHost} from '../fanout/host-pool.js';
import type {HostApp} from '../host/host-app.js';
import type {RelayDoor} from '../host/host-relay.js';
import {relayPart, type StageRequest} from '../host/stage-request.js';
import {VerbError} from '../host/verb-call.js';
import {generateEd25519} from '../inventory/ed25519-key.js';
import type {Host} from '../inventory/host.js';

/** Opens one app on a host, as operations do it. */
export type UseHost = <T>(host: Host, action: (on: HostApp) => Promise<T>) => Promise<T>;

/** A delta that a host is ready to receive, and how much of it is there and proved to be ours. */
export interface OpenPart {
  readonly request: StageRequest;
  readonly offset: number;
}

/** A relay ends by itself this long after the last word from us, and never lasts longer than a transfer may. */
const ttlSeconds = 60;
const lifeSeconds = 12 * 60 * 60;

/** No byte for this long means that a relay hangs. */
const stallSeconds = 15;

/** One host that hands a delta on to its peers, from when its sshd listens until `end`. Its keys are made here and live as long as it does. */
export class RelayService {
  private readonly ending = new AbortController();
  private readonly failures = new Set<string>();
  private successes = 0;
  private over = false;

  private constructor(
    readonly host: Host,
    private readonly pick: PooledHost,
    private readonly use: UseHost,
    private readonly token: string,
    private readonly door: RelayDoor,
    private readonly hostKey: string,
    private readonly clientKeys: ReadonlyMap<string, string>,
  ) {}

  /** Starts it on a host that holds the whole part. Each peer gets a key of its own. Throws `VerbError`. */
  static async start(options: {
    readonly host: Host;
    readonly part: OpenPart;
    readonly peers: readonly Host[];
    readonly port: number;
    readonly pick: PooledHost;
    readonly use: UseHost;
    readonly signal: AbortSignal;
  }): Promise<RelayService> {
    const {host, part, peers, port, pick, use, signal} = options;
    const token = randomBytes(16).toString('hex');
    const hostKey = generateEd25519('drover-relay');
    const keys = peers.map((peer) => ({name: peer.name, ...generateEd25519('drover-peer')}));
    const door = await use(host, (on) =>
      on.relay.serve(relayPart(part.request), {
        token,
        hostKey: hostKey.privateKey,
        peerKeys: keys.map((key) => key.publicKey),
        ttlSeconds,
        lifeSeconds,
        port,
      }),
    );
    const clientKeys = new Map<string, string>(keys.map((key) => [key.name, key.privateKey]));
    const publicKey = hostKey.publicKey.split(' ').slice(0, 2).join(' ');
    const service = new RelayService(host, pick, use, token, door, publicKey, clientKeys);
    void service.keepAlive(AbortSignal.any([signal, service.ending.signal]));
    return service;
  }

  /** Whether more peers should be sent here: it did not lie, it is not over, and it served more of them than it failed. */
  get usable(): boolean {
    return !this.over && this.failures.size <= this.successes;
  }

  /** Lets one peer fetch what it lacks of the part. Throws `VerbError`: `no-relay` and `lying-relay` are this relay's fault. */
  async feed(
    on: HostApp,
    part: OpenPart,
    options: {readonly now: () => number; readonly rate?: number | undefined; onProgress: (haveBytes: number) => void},
  ): Promise<void> {
    const peer = on.link.host;
    const clientKey = this.clientKeys.get(peer.name);
    if (clientKey === undefined) throw new Error(`${peer.name} has no key of the relay ${this.host.name}`);
    const startedMs = options.now();
    try {
      await on.relay.pull({
        ...relayPart(part.request),
        ...this.door,
        token: this.token,
        address: this.host.relayAddress ?? this.host.ssh.address ?? this.host.name,
        hostKey: this.hostKey,
        clientKey,
        offset: part.offset,
        stallSeconds,
        ...(options.rate === undefined ? {} : {rate: options.rate}),
        onProgress: options.onProgress,
      });
    } catch (error) {
      if (!isRelayFault(error)) throw error;
      this.failures.add(peer.name);
      if (error.failure === 'lying-relay') this.over = true;
      this.pick.fail(options.now() - startedMs);
      throw error;
    }
    this.successes++;
    this.pick.succeed(options.now() - startedMs);
  }

  /** Ends its sshd, what that runs, and its keys. Throws `DroverError`; then it ends by itself. */
  async end(): Promise<void> {
    this.over = true;
    this.ending.abort();
    await this.use(this.host, (on) => on.relay.end(this.token));
  }

  /** A renewal that does not get through is tried again; what the host calls over is over. */
  private async keepAlive(signal: AbortSignal): Promise<void> {
    while (!this.over) {
      try {
        await sleep((ttlSeconds * 1000) / 3, undefined, {signal, ref: false});
        await this.use(this.host, (on) => on.relay.renew(this.token, ttlSeconds));
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof DroverError)) throw error;
        if (error instanceof VerbError && error.failure === 'missing') this.over = true;
      }
    }
  }
}

export function isRelayFault(error: unknown): error is VerbError {
  return error instanceof VerbError && (error.failure === 'no-relay' || error.failure === 'lying-relay');
}
