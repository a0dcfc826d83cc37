import {mkdtemp, readdir, readFile, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {RateShaper} from '../../src/lib/delivery/rate-shaper.js';
import {sendDelta} from '../../src/lib/delivery/send-delta.js';
import type {Happening} from '../../src/lib/events/event.js';
import {HostApp} from '../../src/lib/host/host-app.js';
import {parseHostState} from '../../src/lib/host/host-state.js';
import type {LinkOpener} from '../../src/lib/host/link.js';
import {createLinkOpener} from '../../src/lib/host/open-link.js';
import type {App, PushSettings} from '../../src/lib/inventory/app.js';
import type {Host} from '../../src/lib/inventory/host.js';
import {stageRelease} from '../../src/lib/operations/stage-release.js';
import type {World} from '../../src/lib/operations/world.js';
import {createSnapshot} from '../../src/lib/snapshot/create-snapshot.js';
import {openDirectoryStore} from '../../src/lib/snapshot/directory-store.js';
import type {SnapshotId} from '../../src/lib/snapshot/manifest.js';
import type {Delta} from '../../src/lib/snapshot/store.js';
import {VirtualClock} from '../delivery/virtual-clock.js';
import {hostAt, patiently, plainEnv} from '../host/some-host.js';
import {type Sshd, sshdMissing, startSshd} from '../host/sshd.js';
import {startProxy, type TcpProxy} from '../host/tcp-proxy.js';
import {Site} from '../host/verb-site.js';

/** An operator with a store, a home and a line of their own. */
class Operator {
  readonly happened: Happening[] = [];
  readonly links: LinkOpener;
  private readonly store;

  constructor(
    readonly folder: string,
    private readonly site: Site,
    private readonly push: PushSettings,
  ) {
    this.links = createLinkOpener({env: plainEnv(), runtimeDirectory: folder});
    this.store = openDirectoryStore({path: path.join(folder, 'store'), now: () => Date.now()});
  }

  async snapshot(source: string): Promise<string> {
    const saved = await createSnapshot({
      source,
      app: 'shop',
      ignore: [],
      labels: {},
      store: this.store,
      now: () => Date.now(),
      signal: patiently,
    });
    return saved.record.id;
  }

  delta(snapshot: string): Promise<Delta> {
    return this.store.delta(undefined, snapshot as SnapshotId, patiently);
  }

  stage(snapshot: string, host: Host): ReturnType<typeof stageRelease> {
    const world = {
      links: this.links,
      emit: async (happening: Happening) => void this.happened.push(happening),
      concurrency: 4,
      now: Date.now,
      random: () => 0,
      interrupted: patiently,
      signal: patiently,
    } as unknown as World;
    const app = {name: 'shop', root: this.site.root, link: {}, push: this.push} as unknown as App;
    const states = new Map([[host.name, parseHostState('')]]);
    return stageRelease(world, {
      ...{app, store: this.store, snapshot, hosts: [host], states},
      run: {id: 'run-1', plan: '{}', endsHere: true},
    });
  }

  /** Where each try began, in bytes. */
  get offsets(): readonly number[] {
    const offsets: number[] = [];
    let fresh = true;
    for (const happening of this.happened) {
      if (happening.kind === 'retrying' || happening.kind === 'step-started') fresh = true;
      if (happening.kind !== 'transfer' || !fresh) continue;
      offsets.push(happening.sentBytes);
      fresh = false;
    }
    return offsets;
  }

  get retries(): readonly string[] {
    return this.happened.flatMap((happening) => (happening.kind === 'retrying' ? [happening.why] : []));
  }
}

describe.skipIf(sshdMissing !== undefined)('a transfer over a real sshd', () => {
  let sshd: Sshd;
  let proxy: TcpProxy;
  let site: Site;
  let tree: string;
  let host: Host;
  const folders: string[] = [];

  const hire = async (push: PushSettings = {via: 'direct', retries: 2}): Promise<Operator> => {
    const folder = await mkdtemp(path.join(tmpdir(), 'drover-operator-'));
    folders.push(folder);
    return new Operator(folder, site, push);
  };

  beforeAll(async () => {
    sshd = await startSshd();
    proxy = await startProxy(sshd.port);
    host = hostAt(sshd, {port: proxy.port, fingerprint: sshd.fingerprint('ed25519')});
    site = await Site.make();
    await site.snapshot({big: Array.from({length: 120_000}, () => Math.random().toString(36)).join(''), small: 'x'});
    tree = path.join(site.folder, 'tree-1');
  });

  afterAll(async () => {
    await proxy.close();
    await sshd.stop();
    await site.remove();
    for (const folder of folders) await rm(folder, {recursive: true, force: true});
  });

  const clear = async (): Promise<void> => {
    const [release] = (await site.app.readState()).releases;
    if (release !== undefined) await site.app.discard(release);
  };

  it('A9 B7: is continued from the verified prefix wherever it is cut, on its own and on one line each', async () => {
    // Slowly enough that some of it has been written when the reset throws away what is under way.
    const operator = await hire({via: 'direct', retries: 2, rate: {host: 1024 ** 2}});
    const id = await operator.snapshot(tree);
    expect((await operator.stage(id, host))[0]).toMatchObject({kind: 'staged'});
    const [whole] = operator.happened.filter((happening) => happening.kind === 'delta-built');
    const bytes = whole?.bytes ?? 0;
    expect(bytes).toBeGreaterThan(500_000);
    const continued: number[] = [];
    for (let cut = 1; cut <= 8; cut++) {
      await clear();
      operator.happened.length = 0;
      proxy.cutAfter(Math.floor((cut * bytes) / 8));
      const [result] = await operator.stage(id, host);
      expect(result, `cut ${cut}`).toMatchObject({kind: 'staged'});
      expect(operator.retries, `cut ${cut}`).toHaveLength(1);
      const [first, second = bytes] = operator.offsets;
      expect(first ?? 0, `cut ${cut}`).toBe(0);
      // The cut may come before the first byte of the delta or after the last one has arrived.
      expect(second).toBeLessThanOrEqual(bytes);
      continued.push(second);
      await site.app.verify(id);
    }
    expect(continued.filter((offset) => offset > 0 && offset < bytes).length).toBeGreaterThan(0);
    await operator.links.closeAll();
  }, 300_000);

  it('is given up after as many tries as were declared, and continued by another operator with another home', async () => {
    await clear();
    const first = await hire({via: 'direct', retries: 1});
    const id = await first.snapshot(tree);
    const relentless = setInterval(() => proxy.cut(), 1).unref();
    const [lost] = await first.stage(id, host);
    clearInterval(relentless);
    expect(lost).toMatchObject({kind: 'failed', problem: {code: 'unreachable'}});
    expect(first.retries).toHaveLength(1);
    await first.links.closeAll();

    const second = await hire({via: 'direct', retries: 0, rate: {host: 512 * 1024}});
    expect(await second.snapshot(tree)).toBe(id);
    proxy.cutAfter(500_000);
    expect((await second.stage(id, host))[0]).toMatchObject({kind: 'failed'});
    const incoming = site.at('.drover', 'incoming');
    const part = (await readdir(incoming)).find((name) => name.endsWith('.delta'));
    const held = (await readFile(path.join(incoming, part ?? 'none'))).length;
    expect(held).toBeGreaterThan(0);
    await second.links.closeAll();

    const third = await hire();
    expect(await third.snapshot(tree)).toBe(id);
    const [result] = await third.stage(id, host);
    expect(result).toMatchObject({kind: 'staged'});
    expect(third.offsets[0]).toBeGreaterThanOrEqual(held);
    await site.app.verify(id);
    await third.links.closeAll();
  }, 300_000);

  it('B14: is not tried again where the login is refused', async () => {
    const operator = await hire({via: 'direct', retries: 5});
    const id = await operator.snapshot(tree);
    const stranger = {...host, ssh: {...host.ssh, identity: sshd.file('stranger')}};
    expect((await operator.stage(id, stranger))[0]).toMatchObject({kind: 'failed', problem: {code: 'authentication'}});
    expect(operator.retries).toEqual([]);
    await operator.links.closeAll();
  }, 300_000);

  it('says its limits before it begins, and obeys them', async () => {
    await clear();
    const rate = {host: 100_000, run: 1024 ** 3};
    const operator = await hire({via: 'direct', rate: {...rate, host: 1024 ** 3}});
    const id = await operator.snapshot(tree);
    expect((await operator.stage(id, host))[0]).toMatchObject({kind: 'staged'});
    expect(operator.happened).toContainEqual({kind: 'staging-started', hosts: 1, rate: {...rate, host: 1024 ** 3}});
    await clear();
    const clock = new VirtualClock();
    const shaper = new RateShaper(rate, clock);
    const delta = await operator.delta(id);
    const passed: {readonly atMs: number; readonly bytes: number}[] = [];
    const on = new HostApp(await operator.links.open(host, patiently), site.root, 'shop', patiently);
    let over = false;
    const sending = sendDelta({
      ...{host: on, delta, unpackedBytes: delta.unpackedBytes, links: {}},
      onProgress: (bytes) => passed.push({atMs: clock.now(), bytes}),
      shape: (source) => shaper.shape(source, host),
    }).finally(() => {
      over = true;
    });
    while (!over) await clock.run(clock.now() + 100);
    expect(await sending).toMatchObject({kind: 'staged', sentBytes: delta.bytes});
    for (const {atMs, bytes} of passed) expect(bytes).toBeLessThanOrEqual((rate.host * (atMs + 100)) / 1000 + 1);
    expect(passed.at(-1)?.bytes).toBe(delta.bytes);
    await site.app.verify(id);
    await operator.links.closeAll();
  }, 300_000);
});
