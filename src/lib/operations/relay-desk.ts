import type {FetchShares} from '../delivery/fetch-shares.js';
import type {RateShaper} from '../delivery/rate-shaper.js';
import type {Sent} from '../delivery/send-delta.js';
import {createTransferMeter} from '../delivery/transfer-meter.js';
import {type Cargo, describeUnequipped, SiloRelay} from '../delivery/via-relay.js';
import type {HostApp} from '../host/host-app.js';
import type {HostState} from '../host/host-state.js';
import type {App} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import type {Delta} from '../snapshot/store.js';
import type {DeltaWish} from './delta-shelf.js';
import {useHost} from './on-host.js';
import type {World} from './world.js';

/** One delta for all hosts of a silo that want the same from the same base: packed as each of them can unpack it. */
export function agreeOnEncoding(hosts: readonly Host[], wishes: ReadonlyMap<string, DeltaWish>): ReadonlyMap<string, DeltaWish> {
  const silos = new Map<string, string>(hosts.map((host) => [host.name, host.silo]));
  const groupOf = ([name, {snapshot, base}]: [string, DeltaWish]): string => `${silos.get(name)} ${snapshot} ${base ?? ''}`;
  const plain = new Set([...wishes].filter(([, {encoding}]) => encoding === 'gzip').map(groupOf));
  return new Map([...wishes].map(([name, wish]) => [name, plain.has(groupOf([name, wish])) ? {...wish, encoding: 'gzip'} : wish]));
}

/** The relays of one staging: one for each silo and delta. */
export class RelayDesk {
  private readonly silos = new Map<string, Promise<SiloRelay>>();

  constructor(
    private readonly world: World,
    private readonly app: App,
    private readonly states: ReadonlyMap<string, HostState>,
    private readonly shaper: RateShaper,
    private readonly shares: FetchShares,
    /** The hosts that get one delta. */
    private readonly hostsOf: (delta: Delta) => readonly Host[],
  ) {}

  /** Brings a delta to a host by way of its silo's relay. */
  async bring(host: Host, on: HostApp, cargo: Cargo): Promise<Sent> {
    const {delta} = cargo;
    const key = `${host.silo} ${delta.digest}`;
    const opened = this.silos.get(key) ?? this.open(host.silo, this.hostsOf(delta), delta.bytes);
    this.silos.set(key, opened);
    return (await opened).bring(host, on, cargo);
  }

  /** Ends every relay that is left. */
  async end(): Promise<void> {
    await Promise.all([...this.silos.values()].map(async (opened) => (await opened).end()));
  }

  private async open(silo: string, everyone: readonly Host[], bytes: number): Promise<SiloRelay> {
    const {world, app, states, shaper, shares} = this;
    const hosts = everyone.filter((host) => host.silo === silo);
    const toolsOf = (host: Host): ReadonlySet<string> => states.get(host.name)?.tools ?? new Set();
    const lacking = hosts.length < 2 ? undefined : describeUnequipped(hosts, toolsOf);
    if (lacking !== undefined) await world.emit({kind: 'warning', message: `silo ${silo}: ${lacking}`});
    const meters = new Map<string, (sentBytes: number) => void>();
    const meterOf = (host: Host, relay: Host | undefined): ((sentBytes: number) => void) => {
      const key = `${host.name} ${relay?.name ?? ''}`;
      const from = relay === undefined ? {} : {relay: relay.name};
      const report = (sentBytes: number): void =>
        void world.emit({kind: 'transfer', host: host.name, sentBytes, totalBytes: bytes, ...from});
      const meter = meters.get(key) ?? createTransferMeter({totalBytes: bytes, now: world.now, report});
      meters.set(key, meter);
      return meter;
    };
    return new SiloRelay({
      silo,
      hosts,
      toolsOf,
      port: app.push?.relayPort ?? 0,
      use: (host, action) => useHost(world, host, app, action),
      shape: (source, host) => shaper.shape(source, host),
      rateOf: (host) => shares.shareOf(host),
      now: world.now,
      random: world.random,
      signal: world.signal,
      onProgress: (host, sentBytes, relay) => meterOf(host, relay)(sentBytes),
      onRelay: (relay, peers) => world.emit({kind: 'relay-started', host: relay.name, silo, peers, bytes}),
      onWarning: (message) => world.emit({kind: 'warning', message}),
    });
  }
}
