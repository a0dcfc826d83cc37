import {execFile} from 'node:child_process';
import {lstat, mkdir, mkdtemp, readFile, readlink, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {promisify} from 'node:util';
import type {Happening} from '../../src/lib/events/event.js';
import {lostResult} from '../../src/lib/host/exec-streams.js';
import {HostApp} from '../../src/lib/host/host-app.js';
import type {HostState} from '../../src/lib/host/host-state.js';
import type {Link, LinkOpener} from '../../src/lib/host/link.js';
import type {App} from '../../src/lib/inventory/app.js';
import type {AppName, Host, Inventory} from '../../src/lib/inventory/host.js';
import {makeDefaultRoll} from '../../src/lib/inventory/roll-schema.js';
import {deployApp} from '../../src/lib/operations/deploy-app.js';
import type {TimeRequest} from '../../src/lib/operations/plan-timed.js';
import type {RunEnd} from '../../src/lib/operations/run-end.js';
import type {World} from '../../src/lib/operations/world.js';
import {createSnapshot} from '../../src/lib/snapshot/create-snapshot.js';
import {type DirectoryStore, openDirectoryStore} from '../../src/lib/snapshot/directory-store.js';
import {createNoBalancer} from '../../src/lib/traffic/no-balancer.js';
import {makeHost, patiently, plainEnv} from '../host/some-host.js';
import {linkWith} from '../host/verb-site.js';

const root = '~/site';

/** Hosts that are folders of this machine, each a home of its own, and deploys of content to them. */
export class TimedFleet {
  readonly events: Happening[] = [];
  private readonly store: DirectoryStore;
  private readonly links = new Map<string, Link>();
  private runs = 0;
  private interrupt = new AbortController();
  private hear: (happening: Happening) => void = () => undefined;

  private constructor(
    readonly folder: string,
    readonly hosts: readonly Host[],
  ) {
    this.store = openDirectoryStore({path: path.join(folder, 'store'), now: Date.now});
    for (const host of hosts) this.links.set(host.name, {...this.linkOf(host, plainEnv()), host});
  }

  /** A fleet on its first release, `name` `1`. */
  static async make(size: number): Promise<TimedFleet> {
    const folder = await mkdtemp(path.join(tmpdir(), 'drover-timed-'));
    const hosts = Array.from({length: size}, (_, index) => makeHost({link: 'local'}, `web${index + 1}`));
    for (const {name} of hosts) await mkdir(path.join(folder, name));
    const fleet = new TimedFleet(folder, hosts);
    await fleet.release('1');
    await fleet.deploy();
    return fleet;
  }

  /** Another fleet whose hosts, and whose store, are what those of this one are now. */
  async copy(): Promise<TimedFleet> {
    const folder = await mkdtemp(path.join(tmpdir(), 'drover-timed-'));
    await promisify(execFile)('cp', ['-a', `${this.folder}/.`, folder]);
    const copied = new TimedFleet(folder, this.hosts);
    copied.runs = this.runs;
    return copied;
  }

  async remove(): Promise<void> {
    await rm(this.folder, {recursive: true, force: true});
  }

  home(host: string): string {
    return path.join(this.folder, host);
  }

  /** Takes the next snapshot; gives its id. */
  async release(text: string): Promise<string> {
    const source = path.join(this.folder, 'content');
    await mkdir(source, {recursive: true});
    await writeFile(path.join(source, 'name'), text);
    const {store} = this;
    const saved = await createSnapshot({
      source,
      app: 'shop',
      ignore: [],
      labels: {},
      store,
      now: Date.now,
      signal: patiently,
      allowEmpty: true,
    });
    return saved.record.id;
  }

  /** The clock of a host goes wrong. */
  async shiftClock(name: string, by: string): Promise<void> {
    const bin = path.join(this.home(name), 'bin');
    await mkdir(bin);
    await writeFile(path.join(bin, 'date'), `#!/bin/sh\nexec /bin/date -d "${by}" "$@"\n`, {mode: 0o755});
    const host = this.host(name);
    this.links.set(name, {...this.linkOf(host, plainEnv({PATH: `${bin}:${process.env.PATH}`})), host});
  }

  /** From now on the link to a host breaks whenever it is asked for this verb. */
  breakAt(name: string, verb: string): void {
    const link = this.links.get(name) as Link;
    this.links.set(name, {
      ...link,
      exec: async (request) => (request.label?.startsWith(`${verb} `) === true ? lostResult('cut by the test') : link.exec(request)),
    });
  }

  /** A Ctrl-C. */
  stop(): void {
    this.interrupt.abort();
  }

  /** Deploys the latest snapshot; `hear` is told what happens. */
  async deploy(at?: TimeRequest, hear: (happening: Happening) => void = () => undefined): Promise<RunEnd> {
    this.hear = hear;
    this.events.length = 0;
    this.interrupt = new AbortController();
    const world = this.world();
    const approve = async (): Promise<boolean> => true;
    const {store, hosts} = this;
    return deployApp(world, {
      ...{
        app: theApp(),
        store,
        snapshot: 'latest',
        hosts,
        balancer: createNoBalancer(),
        skip: new Set(),
        ignoreEmbargo: false,
        pastContract: false,
        approve,
      },
      ...(at === undefined ? {} : {at}),
    });
  }

  app(name: string): HostApp {
    return new HostApp(this.links.get(name) as Link, root, 'shop', patiently);
  }

  async states(): Promise<readonly HostState[]> {
    return Promise.all(this.hosts.map((host) => this.app(host.name).readState()));
  }

  /** What every host serves. */
  async live(): Promise<readonly string[]> {
    return Promise.all(this.hosts.map(async ({name}) => (await readlink(this.at(name, 'current'))).replace('releases/', '')));
  }

  /** When `current` of each host became what it is, by the file system; milliseconds. */
  async renamed(): Promise<readonly number[]> {
    return Promise.all(this.hosts.map(async ({name}) => (await lstat(this.at(name, 'current'))).ctimeMs));
  }

  /** When each host switched, by its own journal, and when it should have; milliseconds. */
  async journaled(): Promise<readonly {atMs: number; instantMs: number}[]> {
    return Promise.all(
      this.hosts.map(async ({name}) => {
        const [, at, instant] = / switched-at (\d+) (\d+)\n/.exec(await readFile(this.at(name, '.drover', 'journal'), 'utf8')) ?? [];
        return {atMs: Number(at), instantMs: Number(instant)};
      }),
    );
  }

  /** What happened of one kind. */
  heard<Kind extends Happening['kind']>(kind: Kind): readonly (Happening & {readonly kind: Kind})[] {
    return this.events.filter((event): event is Happening & {readonly kind: Kind} => event.kind === kind);
  }

  private at(name: string, ...parts: string[]): string {
    return path.join(this.home(name), 'site', ...parts);
  }

  private host(name: string): Host {
    return this.hosts.find((host) => host.name === name) as Host;
  }

  private linkOf(host: Host, env: NodeJS.ProcessEnv): Link {
    return linkWith({name: 'sh', words: ['sh'], env: {...env, HOME: this.home(host.name)}});
  }

  private world(): World {
    const {links} = this;
    const opener: LinkOpener = {
      open: async (host) => links.get(host.name) as Link,
      drop: async () => undefined,
      closeAll: async () => undefined,
    };
    const app = theApp();
    const project = {file: 'drover.yml', inventory: 'inventory.yml', apps: new Map([[app.name, app]]), store: '', events: []};
    return {
      project,
      inventory: {file: 'inventory.yml', hosts: this.hosts} as unknown as Inventory,
      links: opener,
      emit: async (happening) => {
        this.events.push(happening);
        this.hear(happening);
      },
      run: `run-${++this.runs}`,
      ...{operator: 'ana@desk', reason: '', concurrency: 64, now: Date.now, random: Math.random},
      ...{interrupted: this.interrupt.signal, signal: patiently},
    };
  }
}

function theApp(): App {
  return {
    ...{name: 'shop' as AppName, source: {parts: [], onConflict: 'error'}, ignore: [], root, hosts: 'silo:eu', link: {}, health: []},
    roll: {...makeDefaultRoll(), confirmMs: 120_000},
  };
}
