import type {Readable} from 'node:stream';
import {DroverError} from '../errors/drover-error.js';
import {HostPool, type PooledHost} from '../fanout/host-pool.js';
import type {HostApp} from '../host/host-app.js';
import {foldHostSet} from '../inventory/folded-hosts.js';
import type {Host} from '../inventory/host.js';
import {isRelayFault, type OpenPart, RelayService, type UseHost} from './relay-service.js';
import {describeStage, openPart, putPart, type SendOptions, type Sent, sendDelta} from './send-delta.js';

/** What is the same for all hosts that get one delta. */
export type Cargo = Pick<SendOptions, 'delta' | 'unpackedBytes' | 'links' | 'run' | 'totalMs'>;

export interface SiloRelayOptions {
  readonly silo: string;
  /** The hosts of the silo that lack this delta. */
  readonly hosts: readonly Host[];
  /** What read-state found on a host: a relay needs `sshd`, its peers `ssh`. */
  readonly toolsOf: (host: Host) => ReadonlySet<string>;
  /** Where relays listen; 0 lets each choose. */
  readonly port: number;
  readonly use: UseHost;
  /** Holds what goes from here to a host to the limits. */
  readonly shape: (source: Readable, host: Host) => Readable;
  /** What a host may take from a relay per second. */
  readonly rateOf: (host: Host) => number | undefined;
  readonly now: () => number;
  readonly random: () => number;
  readonly signal: AbortSignal;
  /** `relay` is the host that the bytes come from; undefined when they come from here. */
  readonly onProgress: (host: Host, haveBytes: number, relay: Host | undefined) => void;
  /** A host hands the delta on to so many others from now on. */
  readonly onRelay: (relay: Host, peers: number) => Promise<void>;
  readonly onWarning: (message: string) => Promise<void>;
}

/** After so many that did not work, the silo is not one for relays. */
const mostRelays = 3;

/**
 * One delta, one silo: one host gets it from here and hands it on to the others; each proves what it gets by the digest, then as always. A relay
 * that lies, hangs or dies is struck off and the pool names another; when none works, hosts get the delta from here. A host asks with
 * `bring`, in any order; who relays need not have asked yet.
 */
export class SiloRelay {
  private readonly pool: HostPool | undefined;
  private readonly pullers: ReadonlySet<string>;
  /** Hosts on their way; `left` ones have ended, well or not. */
  private readonly stages = new Map<string, 'waiting' | 'busy' | 'left'>();
  /** Hosts that were chosen as relays, with what came of it; bytes are those sent from here. */
  private readonly chosen = new Map<string, Promise<{sentBytes: number; resumedBytes: number}>>();
  private readonly services: RelayService[] = [];
  private current: Promise<RelayService | undefined> | undefined;
  /** Why relays were struck off, until it is said. */
  private reasons: string[] = [];

  constructor(private readonly options: SiloRelayOptions) {
    const {hosts, toolsOf, now, random} = options;
    const withTool = (tool: string): string[] => hosts.filter((host) => toolsOf(host).has(tool)).map((host) => host.name);
    const servers = withTool('sshd');
    this.pullers = new Set(withTool('ssh'));
    const worthwhile = servers.some((server) => hosts.some(({name}) => name !== server && this.pullers.has(name)));
    this.pool = worthwhile ? new HostPool(servers, {now, random}) : undefined;
  }

  /** Makes the delta a release on one host. Safe to repeat after any failure. Throws `VerbError`. */
  async bring(host: Host, on: HostApp, cargo: Cargo): Promise<Sent> {
    this.stages.set(host.name, 'waiting');
    try {
      return await this.bringBest(host, on, cargo);
    } finally {
      this.stages.set(host.name, 'left');
    }
  }

  /** Ends every relay, and says what was not said yet. */
  async end(): Promise<void> {
    await this.tell('struck off as relay');
    await Promise.all(
      this.services.map(async (service) => {
        try {
          await service.end();
        } catch (error) {
          if (!(error instanceof DroverError)) throw error;
          await this.options.onWarning(`the relay on ${service.host.name} could not be ended and ends by itself: ${error.message}`);
        }
      }),
    );
  }

  private async bringBest(host: Host, on: HostApp, cargo: Cargo): Promise<Sent> {
    const tried = new Set<RelayService>();
    let why = '';
    while (this.pool !== undefined && this.pullers.has(host.name) && !this.chosen.has(host.name)) {
      const relay = await this.findRelay(cargo);
      if (relay === undefined || this.chosen.has(host.name)) break;
      if (tried.has(relay)) {
        await this.options.onWarning(`${host.name} gets nothing from the relay ${relay.host.name} and is served from here: ${why}`);
        break;
      }
      tried.add(relay);
      this.stages.set(host.name, 'busy');
      try {
        return await this.bringFrom(relay, on, cargo);
      } catch (error) {
        if (!isRelayFault(error)) throw error;
        why = error.message;
        if (!relay.usable) this.blame(relay, why);
      } finally {
        this.stages.set(host.name, 'waiting');
      }
    }
    const received = await this.chosen.get(host.name)?.catch(() => undefined);
    this.stages.set(host.name, 'busy');
    const sent = await sendDelta({...cargo, ...this.fromHere(host), host: on});
    return sent.kind === 'staged' && received !== undefined ? {...sent, ...received} : sent;
  }

  private async bringFrom(relay: RelayService, on: HostApp, cargo: Cargo): Promise<Sent> {
    const {now, rateOf, onProgress} = this.options;
    const {host} = on.link;
    const part = await openCargo(on, cargo);
    if (part === 'staged') return {kind: 'unchanged'};
    if (part.offset < cargo.delta.bytes) {
      await relay.feed(on, part, {now, rate: rateOf(host), onProgress: (bytes) => onProgress(host, bytes, relay.host)});
      onProgress(host, cargo.delta.bytes, relay.host);
      await this.tell('struck off as relay');
    }
    await on.stageCommit(part.request, cargo.links);
    return {kind: 'staged', sentBytes: 0, resumedBytes: part.offset, relay: relay.host.name};
  }

  /** The relay of the moment; another one when that failed; undefined when this silo gets none. */
  private async findRelay(cargo: Cargo): Promise<RelayService | undefined> {
    for (;;) {
      this.current ??= this.elect(cargo);
      const asked = this.current;
      const relay = await asked;
      if (relay === undefined || relay.usable) return relay;
      if (this.current === asked) this.current = undefined;
    }
  }

  private async elect(cargo: Cargo): Promise<RelayService | undefined> {
    while (this.chosen.size < mostRelays) {
      const pick = this.pool?.pick(this.candidates());
      const host = this.options.hosts.find(({name}) => name === pick?.name);
      if (pick === undefined || host === undefined) break;
      const installing = this.install(host, pick, cargo);
      const received = installing.then(({sent}) => sent);
      received.catch(() => undefined);
      this.chosen.set(host.name, received);
      try {
        const {service} = await installing;
        if (service instanceof DroverError) throw service;
        this.services.push(service);
        return service;
      } catch (error) {
        if (!(error instanceof DroverError) || this.options.signal.aborted) throw error;
        pick.fail();
        this.reasons.push(`${host.name}: ${error.message}`);
      }
    }
    await this.tell(`no relay in silo ${this.options.silo}, its hosts are served from here`);
    return undefined;
  }

  /** Who waits anyway; else who has not come yet. Whoever is at work, has ended or was chosen before cannot. */
  private candidates(): ReadonlySet<string> {
    const names = this.options.hosts.map((host) => host.name as string).filter((name) => !this.chosen.has(name));
    const servers = names.filter((name) => this.pool?.has(name) === true);
    const waiting = servers.filter((name) => this.stages.get(name) === 'waiting');
    return new Set(waiting.length > 0 ? waiting : servers.filter((name) => !this.stages.has(name)));
  }

  /** Sends the delta to a host and lets it serve; a host that cannot serve has the delta all the same. */
  private async install(
    host: Host,
    pick: PooledHost,
    cargo: Cargo,
  ): Promise<{service: RelayService | DroverError; sent: {sentBytes: number; resumedBytes: number}}> {
    const {hosts, port, use, signal, onRelay} = this.options;
    const part = await use(host, async (on) => {
      const open = await openCargo(on, cargo);
      if (open === 'staged') throw new DroverError({code: 'refused', message: 'it has the release already', host: host.name});
      await putPart({...cargo, ...this.fromHere(host), host: on}, open.request, open.offset);
      return open;
    });
    const peers = hosts.filter(({name}) => name !== host.name && this.pullers.has(name));
    const sent = {sentBytes: cargo.delta.bytes - part.offset, resumedBytes: part.offset};
    try {
      const service = await RelayService.start({host, part, peers, port, pick, use, signal});
      await onRelay(host, peers.length);
      return {service, sent};
    } catch (error) {
      if (!(error instanceof DroverError)) throw error;
      return {service: error, sent};
    }
  }

  private fromHere(host: Host): Pick<SendOptions, 'shape' | 'onProgress'> {
    const {shape, onProgress} = this.options;
    return {shape: (source) => shape(source, host), onProgress: (bytes) => onProgress(host, bytes, undefined)};
  }

  private blame(relay: RelayService, why: string): void {
    const reason = `${relay.host.name}: ${why}`;
    if (!this.reasons.some((known) => known.startsWith(`${relay.host.name}: `))) this.reasons.push(reason);
  }

  private async tell(what: string): Promise<void> {
    const {reasons} = this;
    this.reasons = [];
    if (reasons.length > 0) await this.options.onWarning(`${what}: ${reasons.join('; ')}`);
  }
}

async function openCargo(on: HostApp, {delta, unpackedBytes, run}: Cargo): Promise<OpenPart | 'staged'> {
  const request = describeStage({delta, unpackedBytes, run});
  const offset = await openPart(on, request, delta);
  return offset === 'staged' ? offset : {request, offset};
}

/** Hosts of a silo that can neither relay nor be served by a relay, in words; undefined when all can. */
export function describeUnequipped(hosts: readonly Host[], toolsOf: (host: Host) => ReadonlySet<string>): string | undefined {
  const without = hosts.filter((host) => !toolsOf(host).has('ssh'));
  if (!hosts.some((host) => toolsOf(host).has('sshd'))) return 'no host has sshd, so none can relay';
  return without.length === 0 ? undefined : `no ssh on ${foldHostSet(without.map((host) => host.name))}, served from here`;
}
