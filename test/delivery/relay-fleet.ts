import {spawnSync} from 'node:child_process';
import {readdir, readFile} from 'node:fs/promises';
import type {Sent} from '../../src/lib/delivery/send-delta.js';
import {SiloRelay, type SiloRelayOptions} from '../../src/lib/delivery/via-relay.js';
import {HostApp} from '../../src/lib/host/host-app.js';
import type {ExecRequest, ExecResult, Link} from '../../src/lib/host/link.js';
import type {Host} from '../../src/lib/inventory/host.js';
import type {SnapshotId} from '../../src/lib/snapshot/manifest.js';
import type {Delta} from '../../src/lib/snapshot/store.js';
import {makeHost, patiently} from '../host/some-host.js';
import {Site} from '../host/verb-site.js';

/** What a test does to a call on its way to a host. */
export type Meddle = (request: ExecRequest, exec: (request: ExecRequest) => Promise<ExecResult>) => Promise<ExecResult>;

interface Member {
  readonly host: Host;
  readonly site: Site;
  readonly app: HostApp;
}

/** One silo of "hosts": folders of this machine, between which real ssh and sshd run on loopback. */
export class RelayFleet {
  readonly warnings: string[] = [];
  readonly relays: string[] = [];
  /** Per host, the last word of progress. */
  readonly progress = new Map<string, {readonly bytes: number; readonly from: string | undefined}>();
  readonly meddling = new Map<string, Meddle>();
  readonly tools = new Map<string, ReadonlySet<string>>();
  onRelay: (member: Member) => Promise<void> | void = () => undefined;

  private constructor(
    readonly members: readonly Member[],
    readonly id: SnapshotId,
    readonly delta: Delta,
  ) {}

  static async make(size: number, {bytes = 1_000_000}: {bytes?: number} = {}): Promise<RelayFleet> {
    const sites = await Promise.all(Array.from({length: size}, () => Site.make()));
    const [first] = sites as [Site, ...Site[]];
    const id = await first.snapshot({big: Array.from({length: bytes / 8}, () => Math.random().toString(36).slice(2, 10)).join('')});
    const fleet: RelayFleet = new RelayFleet(
      sites.map((site, index) => {
        const host = makeHost({address: '127.0.0.1'}, `web${index + 1}`);
        const exec = (request: ExecRequest): Promise<ExecResult> => {
          const meddle = fleet.meddling.get(host.name);
          return meddle === undefined ? site.link.exec(request) : meddle(request, (asked) => site.link.exec(asked));
        };
        const link: Link = {...site.link, host, exec};
        return {host, site, app: new HostApp(link, site.root, 'shop', patiently)};
      }),
      id,
      await first.delta(undefined, id),
    );
    return fleet;
  }

  member(name: string): Member {
    const found = this.members.find((each) => each.host.name === name);
    if (found === undefined) throw new Error(`no ${name}`);
    return found;
  }

  open(more: Partial<SiloRelayOptions> = {}): SiloRelay {
    return new SiloRelay({
      silo: 'eu',
      hosts: this.members.map((each) => each.host),
      toolsOf: (host) => this.tools.get(host.name) ?? new Set(['ssh', 'sshd']),
      port: 0,
      shape: (source) => source,
      rateOf: () => undefined,
      use: (host, action) => action(this.member(host.name).app),
      now: () => performance.now(),
      random: () => 0,
      signal: patiently,
      onProgress: (host, bytes, relay) => this.progress.set(host.name, {bytes, from: relay?.name}),
      onRelay: async (relay) => {
        this.relays.push(relay.name);
        await this.onRelay(this.member(relay.name));
      },
      onWarning: async (message) => {
        this.warnings.push(message);
      },
      ...more,
    });
  }

  bring(relay: SiloRelay, name: string): Promise<Sent> {
    const {host, app} = this.member(name);
    const {delta} = this;
    return relay.bring(host, app, {delta, unpackedBytes: delta.unpackedBytes, links: {}});
  }

  /** Everyone at once, then the end of all relays; how each was served. */
  async bringAll(relay: SiloRelay): Promise<Record<string, Sent>> {
    try {
      const sent = await Promise.all(this.members.map(async ({host}) => [host.name, await this.bring(relay, host.name)] as const));
      return Object.fromEntries(sent);
    } finally {
      await relay.end();
    }
  }

  /** Where a relay keeps its files, while it serves. */
  async relayFolder({site}: Member): Promise<string> {
    const [token] = await readdir(site.at('.drover', 'relay'));
    return site.at('.drover', 'relay', token ?? '');
  }

  /** The process that a file of a relay names: `keeper` or `server`. */
  async pidOf(member: Member, file: 'keeper' | 'server'): Promise<number> {
    return Number((await readFile(`${await this.relayFolder(member)}/${file}`, 'utf8')).split(' ')[0]);
  }

  /** Throws unless every host has the release, whole. */
  async verifyAll(): Promise<void> {
    await Promise.all(this.members.map(({app}) => app.verify(this.id)));
  }

  /** What is left of relays on hosts: folders, keys, parts, processes. */
  async leftovers(): Promise<string[]> {
    const files = await Promise.all(
      this.members.map(async ({site}) => [
        ...(await readdir(site.at('.drover'))).filter((name) => name === 'relay'),
        ...(await readdir(site.at('.drover', 'incoming'))),
      ]),
    );
    const shown = spawnSync('ps', ['-eo', 'pid,args'], {encoding: 'utf8'}).stdout.split('\n');
    return [...files.flat(), ...shown.filter((line) => this.members.some(({site}) => line.includes(site.folder)))];
  }

  async remove(): Promise<void> {
    await Promise.all(this.members.map(({site}) => site.remove()));
  }
}
