import {execFile} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import {mkdir, mkdtemp, readlink, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {promisify} from 'node:util';
import {DroverError} from '../../src/lib/errors/drover-error.js';
import type {Happening} from '../../src/lib/events/event.js';
import {HostApp} from '../../src/lib/host/host-app.js';
import type {HostState} from '../../src/lib/host/host-state.js';
import type {Link, LinkOpener} from '../../src/lib/host/link.js';
import type {App} from '../../src/lib/inventory/app.js';
import type {AppName, Host, Inventory, RoleName} from '../../src/lib/inventory/host.js';
import {makeDefaultRoll} from '../../src/lib/inventory/roll-schema.js';
import {openAppBalancer} from '../../src/lib/operations/app-balancer.js';
import {type DeployOptions, deployApp} from '../../src/lib/operations/deploy-app.js';
import {makePlanFile} from '../../src/lib/operations/make-plan-file.js';
import type {PlanFile} from '../../src/lib/operations/plan-file.js';
import {type ResumeOptions, resumeRun} from '../../src/lib/operations/resume-run.js';
import {type RollbackOptions, rollbackApp} from '../../src/lib/operations/rollback-app.js';
import type {RunEnd} from '../../src/lib/operations/run-end.js';
import type {World} from '../../src/lib/operations/world.js';
import {createSnapshot} from '../../src/lib/snapshot/create-snapshot.js';
import {type DirectoryStore, openDirectoryStore} from '../../src/lib/snapshot/directory-store.js';
import {makeHost, patiently, plainEnv} from '../host/some-host.js';
import {linkWith} from '../host/verb-site.js';
import {linkLocally} from '../traffic/local-machine.js';

const root = '~/site';

/** One operator at work: what they see, and the machine of theirs. */
export interface OperatorOptions {
  readonly run: string;
  readonly operator?: string;
  readonly reason?: string;
  /** Milliseconds since the epoch; the real clock where left out. */
  readonly now?: () => number;
  readonly hear?: (happening: Happening) => void | Promise<void>;
  /** Their Ctrl-C. */
  readonly interrupted?: AbortSignal;
}

/** Hosts that are folders of this machine, each a home of its own, and several operators who deploy content to them. */
export class SiteFleet {
  private readonly store: DirectoryStore;
  private readonly links = new Map<string, Link>();
  /** Hosts that cannot be reached. */
  readonly silent = new Set<string>();
  /** Fingerprints that hosts show. */
  readonly keys = new Map<string, string>();

  private constructor(
    readonly folder: string,
    readonly hosts: readonly Host[],
  ) {
    this.store = openDirectoryStore({path: path.join(folder, 'store'), now: Date.now});
    for (const host of hosts) {
      const link = linkWith({name: 'sh', words: ['sh'], env: {...plainEnv(), HOME: path.join(folder, host.name)}});
      this.keys.set(host.name, `SHA256:key-of-${host.name}`);
      this.links.set(host.name, {...link, host, dial: linkLocally(host).dial, hostKeys: async () => [this.keys.get(host.name) ?? '']});
    }
  }

  /** Hosts `web1`, `web2`, …; of a role where one is given. */
  static async make(size: number, role?: string): Promise<SiteFleet> {
    const folder = await mkdtemp(path.join(tmpdir(), 'drover-fleet-'));
    const hosts = Array.from({length: size}, (_, index) => ({
      ...makeHost({link: 'local'}, `web${index + 1}`),
      roles: role === undefined ? [] : [role as RoleName],
    }));
    for (const host of hosts) await mkdir(path.join(folder, host.name));
    return new SiteFleet(folder, hosts);
  }

  /** Another fleet whose hosts, and whose store, are what those of this one are now. */
  async copy(): Promise<SiteFleet> {
    const folder = await mkdtemp(path.join(tmpdir(), 'drover-fleet-'));
    await promisify(execFile)('cp', ['-a', `${this.folder}/.`, folder]);
    return new SiteFleet(folder, this.hosts);
  }

  async remove(): Promise<void> {
    await rm(this.folder, {recursive: true, force: true});
  }

  /** Takes a snapshot, or records more of the same; gives its id. */
  async release(text: string, more: {readonly embargoUntil?: string} = {}): Promise<string> {
    const source = path.join(this.folder, 'content');
    await mkdir(source, {recursive: true});
    await writeFile(path.join(source, 'name'), text);
    const saved = await createSnapshot({
      ...{
        source,
        app: 'shop',
        ignore: [],
        labels: {},
        store: this.store,
        now: Date.now,
        signal: patiently,
        allowEmpty: true,
        sizeChanged: true,
        ...more,
      },
    });
    return saved.record.id;
  }

  /** A deploy of `snapshot` by somebody. */
  async deploy(by: OperatorOptions, snapshot: string, more: Partial<DeployOptions> = {}): Promise<RunEnd> {
    const world = this.world(by, more.app);
    return deployApp(world, {
      ...{app: makeApp(), store: this.store, snapshot, hosts: this.hosts, balancer: openAppBalancer(world, more.app ?? makeApp())},
      ...{skip: new Set(), ignoreEmbargo: false, pastContract: false, approve: async () => true},
      ...more,
    });
  }

  /** The plan file of a deploy, which changes nothing. */
  async plan(by: OperatorOptions, snapshot: string, more: Partial<DeployOptions> & {readonly holdsMs?: number} = {}): Promise<PlanFile> {
    return this.write(by, more.app, (approve) => this.deploy(by, snapshot, {...more, approve}), more.holdsMs);
  }

  private async write(
    by: OperatorOptions,
    app = makeApp(),
    run: (approve: DeployOptions['approve']) => Promise<RunEnd>,
    holdsMs = 3_600_000,
  ): Promise<PlanFile> {
    const world = this.world(by, app);
    let file: PlanFile | undefined;
    const approve: DeployOptions['approve'] = async (plan, fleet) => {
      file = await makePlanFile(world, {app, plan, fleet, gapMs: undefined, holdsMs, nonce: randomBytes(16).toString('hex')});
      return false;
    };
    await run(approve).catch(() => undefined);
    if (file === undefined) throw new Error('nothing was planned');
    return file;
  }

  /** Carries a plan file out. */
  async apply(by: OperatorOptions, file: PlanFile, more: Partial<DeployOptions> = {}): Promise<RunEnd> {
    return this.deploy(by, file.rollout.hosts[0]?.to ?? '', {hosts: this.planned(file), reviewed: {file, approvedBy: ['bob']}, ...more});
  }

  async rollback(by: OperatorOptions, more: Partial<RollbackOptions> = {}): Promise<RunEnd> {
    const world = this.world(by, more.app);
    return rollbackApp(world, {
      ...{app: makeApp(), to: undefined, openStore: () => this.store, hosts: this.hosts},
      balancer: openAppBalancer(world, more.app ?? makeApp()),
      ...{ignoreEmbargo: false, pastContract: false, approve: async () => true},
      ...more,
    });
  }

  async resume(by: OperatorOptions, more: Partial<ResumeOptions> & {readonly app?: App} = {}): Promise<RunEnd> {
    const world = this.world(by, more.app);
    return resumeRun(world, {
      ...{project: world.project, run: undefined, openStore: async () => this.store, openBalancer: (app) => openAppBalancer(world, app)},
      ...{approve: async () => true},
      ...more,
    });
  }

  /** The plan file of a rollback. */
  async planBack(by: OperatorOptions, more: Partial<RollbackOptions> = {}): Promise<PlanFile> {
    return this.write(by, more.app, (approve) => this.rollback(by, {...more, approve}));
  }

  /** Carries out the plan file of a rollback. */
  async applyBack(by: OperatorOptions, file: PlanFile, more: Partial<RollbackOptions> = {}): Promise<RunEnd> {
    return this.rollback(by, {hosts: this.planned(file), reviewed: {file, approvedBy: []}, ...more});
  }

  app(name: string): HostApp {
    return new HostApp(this.links.get(name) as Link, root, 'shop', patiently);
  }

  state(name: string): Promise<HostState> {
    return this.app(name).readState();
  }

  /** What every host serves. */
  async live(): Promise<readonly string[]> {
    return Promise.all(
      this.hosts.map(async ({name}) => (await readlink(path.join(this.folder, name, 'site', 'current'))).replace('releases/', '')),
    );
  }

  private planned({rollout}: PlanFile): readonly Host[] {
    return rollout.hosts.map(({name}) => this.hosts.find((host) => host.name === name) as Host);
  }

  private world(
    {run, operator = 'ana@desk', reason = '', now = Date.now, hear = () => undefined, interrupted = patiently}: OperatorOptions,
    app = makeApp(),
  ): World {
    const opener: LinkOpener = {
      open: async (host) => {
        if (this.silent.has(host.name)) throw new DroverError({code: 'unreachable', message: `${host.name} is silent`, host: host.name});
        return this.links.get(host.name) as Link;
      },
      drop: async () => undefined,
      closeAll: async () => undefined,
    };
    return {
      project: {file: 'drover.yml', inventory: 'inventory.yml', apps: new Map([[app.name, app]]), store: '', events: []},
      inventory: {file: 'inventory.yml', hosts: this.hosts} as unknown as Inventory,
      links: opener,
      emit: async (happening) => hear(happening),
      ...{run, operator, reason, now, concurrency: 64, random: Math.random},
      ...{interrupted, signal: patiently},
    };
  }
}

/** One host first, and then the others. */
export const canaryFirst = {
  ...makeDefaultRoll(),
  confirmMs: 0,
  waves: [
    {kind: 'count', count: 1},
    {kind: 'percent', percent: 100},
  ],
} satisfies App['roll'];

/** The app of the fleet: content, a folder and nothing to restart. */
export function makeApp(more: Partial<App> = {}): App {
  return {
    ...{name: 'shop' as AppName, source: {parts: [], onConflict: 'error'}, ignore: [], root, hosts: 'silo:eu', link: {}, health: []},
    roll: {...makeDefaultRoll(), confirmMs: 0, waves: [{kind: 'percent', percent: 100}]},
    ...more,
  };
}
