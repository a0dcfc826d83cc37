import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {readFile} from 'node:fs/promises';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import type {Happening} from '../../src/lib/events/event.js';
import {HostApp} from '../../src/lib/host/host-app.js';
import type {ExecRequest, ExecResult, Link, LinkOpener} from '../../src/lib/host/link.js';
import {createLinkOpener} from '../../src/lib/host/open-link.js';
import type {Host, Inventory} from '../../src/lib/inventory/host.js';
import {deployApp} from '../../src/lib/operations/deploy-app.js';
import type {World} from '../../src/lib/operations/world.js';
import {openDirectoryStore} from '../../src/lib/snapshot/directory-store.js';
import {createNoBalancer} from '../../src/lib/traffic/no-balancer.js';
import {both} from '../host/login-bench.js';
import {hostAt, patiently, plainEnv} from '../host/some-host.js';
import {type Sshd, sshdMissing, startSshd} from '../host/sshd.js';
import {startProxy, type TcpProxy} from '../host/tcp-proxy.js';
import {Site} from '../host/verb-site.js';
import {makeApp} from './site-fleet.js';

/** What becomes of the cable once the verb runs: `cut` when it is done, `frozen` for good before that. */
type Fate = 'cut' | 'frozen';

describe.skipIf(sshdMissing !== undefined)('a deploy whose replies are lost', {timeout: 300_000}, () => {
  let sshd: Sshd;
  let proxy: TcpProxy;
  let site: Site;
  let runs = 0;
  beforeAll(async () => {
    sshd = await startSshd();
    proxy = await startProxy(sshd.port);
    site = await Site.make();
    // The critical section is there to be held.
    await site.deploy('run-0', undefined, await site.stage({name: 'first'}));
  });
  afterAll(async () => {
    await proxy?.close();
    await sshd?.stop();
    await site?.remove();
  });

  /** The link, on which the reply to the first call of each verb in `pending` never arrives, while the host does what it was asked. */
  function loseReplies(link: Link, pending: Set<string>, fate: Fate): Link {
    const exec = async (request: ExecRequest): Promise<ExecResult> => {
      if (!pending.delete(request.label?.split(' ')[0] ?? '')) return link.exec(request);
      // The host waits for its critical section until the cable is deaf.
      const holder = spawn('flock', [site.at('.drover', 'mutex'), 'sh', '-c', 'echo held; cat'], {stdio: ['pipe', 'pipe', 'inherit']});
      await once(holder.stdout, 'data');
      const journal = await site.events();
      let begun: (() => void) | undefined;
      const beginning = new Promise<void>((resolve) => {
        begun = resolve;
      });
      const result = link.exec({...request, onOutput: () => begun?.()});
      await beginning;
      if (fate === 'frozen') proxy.freeze();
      else proxy.deafen();
      holder.stdin.end();
      await once(holder, 'exit');
      while ((await site.events()).length === journal.length) await sleep(20);
      if (fate === 'cut') proxy.cut();
      const {exit, ...rest} = await result;
      expect(exit.kind).toBe('lost');
      return {exit, ...rest};
    };
    return new Proxy(link, {get: (target, name) => (name === 'exec' ? exec : bind(target, name))});
  }

  async function deploy(
    link: 'ssh' | 'openssh',
    verbs: readonly string[],
    fate: Fate,
  ): Promise<{exit: number; retried: readonly string[]}> {
    const run = `run-${++runs}`;
    const host: Host = hostAt(sshd, {link, port: proxy.port, fingerprint: sshd.fingerprint('ed25519'), connectTimeoutMs: 30_000});
    const real = createLinkOpener({env: plainEnv(), runtimeDirectory: site.folder});
    const pending = new Set(verbs);
    const links: LinkOpener = {...real, open: async (to, signal) => loseReplies(await real.open(to, signal), pending, fate)};
    const restart = `echo ${run} >>${site.folder}/restarts`;
    const app = makeApp({root: site.root, restart, roll: {...makeApp().roll, confirmMs: 120_000, soakMs: 0}});
    const retried: string[] = [];
    const world: World = {
      project: {file: 'drover.yml', inventory: 'inventory.yml', apps: new Map([[app.name, app]]), store: '', events: []},
      inventory: {file: 'inventory.yml', hosts: [host]} as unknown as Inventory,
      emit: async (happening: Happening) => void (happening.kind === 'retrying' && retried.push(happening.step)),
      ...{links, run, operator: 'ana@desk', reason: '', now: Date.now, concurrency: 4, random: () => 0},
      ...{interrupted: patiently, signal: patiently},
    };
    const snapshot = await site.snapshot({name: run});
    const end = await deployApp(world, {
      ...{app, store: openDirectoryStore({path: path.join(site.folder, 'store'), now: Date.now}), snapshot, hosts: [host]},
      ...{balancer: createNoBalancer(), skip: new Set<never>(), ignoreEmbargo: false, pastContract: false, approve: async () => true},
    });
    await real.closeAll();
    expect([...pending]).toEqual([]);
    expect(await site.live()).toBe(snapshot);
    return {exit: end.exit, retried};
  }

  /** How often each event of a run is in the host's journal. */
  async function count(event: string): Promise<number> {
    const lines = (await readFile(site.at('.drover', 'journal'), 'utf8')).split('\n');
    return lines.filter((line) => line.split(' ')[2] === `run-${runs}` && line.split(' ')[3] === event).length;
  }

  async function expectOnce(): Promise<void> {
    expect([await count('switched'), await count('confirmed'), await count('reverted'), await count('ended')]).toEqual([1, 1, 0, 1]);
    const restarts = (await readFile(path.join(site.folder, 'restarts'), 'utf8')).split('\n');
    expect(restarts.filter((line) => line === `run-${runs}`)).toHaveLength(1);
    const {lease, openRuns} = await new HostApp(site.link, site.root, 'shop', patiently).readState();
    expect([lease, openRuns]).toEqual([undefined, []]);
  }

  it.each(both)(
    'B8 B9: %s carries no reply to lease, switch, confirm and release: each is asked for again, and nothing happens twice',
    async (link) => {
      const verbs = ['lease', 'switch', 'confirm', 'release'];
      expect(await deploy(link, verbs, 'cut')).toEqual({exit: 0, retried: verbs});
      await expectOnce();
    },
  );

  it('B6: a host that is silent from the middle of its switch on is read again, and nothing happens twice', async () => {
    expect(await deploy('ssh', ['switch'], 'frozen')).toEqual({exit: 0, retried: ['switch']});
    await expectOnce();
  });
});

function bind(target: Link, name: string | symbol): unknown {
  const value = Reflect.get(target, name) as unknown;
  return typeof value === 'function' ? value.bind(target) : value;
}
