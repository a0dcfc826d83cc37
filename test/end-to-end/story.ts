import {randomInt} from 'node:crypto';
import {cp, mkdtemp, rm} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {rigAvailable} from '../rig/available.js';
import {startTraffic, type Traffic, type TrafficReport} from '../rig/traffic.js';
import {fetchRealContent, fileCount} from './real-content.js';
import {openStage, type Stage} from './stage.js';

const web = ['web1', 'web2', 'web3', 'web4', 'web5', 'web6', 'web7', 'web8'];
const minutes = 60_000;

interface RunJson {
  readonly outcome: string;
  readonly snapshot: string | null;
  readonly sentBytes: number;
  readonly next: string | null;
  readonly hosts: readonly {
    readonly host: string;
    readonly outcome: string;
    readonly reached: boolean;
    readonly release: string | null;
    readonly why: string | null;
  }[];
}

/** The main job over one kind of link: the same sentences for `ssh` and for `openssh`. */
export function tellStory(link: 'ssh' | 'openssh'): void {
  const available = rigAvailable();
  describe.skipIf(!available.ok)(`the main job on real hosts over ${link}`, {timeout: 10 * minutes}, () => {
    let stage: Stage;
    let older: string;
    let newer: string;
    let traffic: Traffic;
    const paths = ['/index.html', '/icons/Abc.js', '/icons/AccessAlarm.js', '/sitemap.xml'];

    const run = async (words: readonly string[], expected: number): Promise<RunJson> => {
      const ended = await stage.drover([...words, '--json']);
      expect(ended.status, `drover ${words.join(' ')}\n${ended.stderr}\n${ended.stdout}`).toBe(expected);
      return JSON.parse(ended.stdout) as RunJson;
    };
    const snapshot = async (): Promise<string> => {
      const ended = await stage.drover(['snapshot']);
      expect(ended.status, ended.stderr).toBe(0);
      return ended.stdout.trim();
    };
    const views = () => Promise.all(web.map((host) => stage.view(host)));
    const expectAll = async (live: string): Promise<void> => {
      for (const view of await views()) expect(view).toEqual({host: view.host, live, whole: true, leased: false});
      for (const [server, state] of await stage.rotation()) expect(`${server} ${state}`).toBe(`${server} ready`);
    };
    const expectNoFailure = (report: TrafficReport): void => {
      expect(report.requests).toBeGreaterThan(100);
      expect(report.failed.slice(0, 5)).toEqual([]);
      expect(report.mixed).toEqual([]);
    };

    beforeAll(async () => {
      stage = await openStage(link);
      [older, newer] = await fetchRealContent();
    }, 5 * minutes);

    afterAll(async () => {
      await stage?.stop();
    });

    it('puts a first release on hosts that never had one, whatever their shell, userland and rc noise', async () => {
      await stage.setContent(older);
      const id = await snapshot();
      const ended = await run(['deploy', '--all', '--yes'], 0);
      expect(ended.hosts.map((host) => host.outcome)).toEqual(web.map(() => 'done'));
      await expectAll(id);
    });

    it('G12 I17: snapshots, pushes, warms, deploys and rolls back under load without a failed request or a mixed answer', async () => {
      traffic = startTraffic({rig: stage.rig, rate: 80, paths});
      const [before] = await views();
      await stage.setContent(newer);
      const id = await snapshot();
      const pushed = await run(['push', '--all'], 0);
      expect(pushed.sentBytes).toBeLessThan(8 * 400_000);
      expect((await views()).map((view) => view.live)).toEqual(web.map(() => before?.live));
      await run(['warm', '--all'], 0);
      await run(['deploy', '--all', '--yes', '--reason', 'newer icons'], 0);
      await expectAll(id);
      const again = await run(['deploy', '--all', '--yes'], 0);
      expect(again.hosts.map((host) => host.outcome)).toEqual(web.map(() => 'unchanged'));
      const back = await run(['rollback', '--all', '--yes'], 0);
      expect(back.sentBytes).toBe(0);
      await expectAll(before?.live ?? '');
      const twice = await run(['rollback', '--all', '--yes'], 0);
      expect(twice.hosts.map((host) => host.outcome)).toEqual(web.map(() => 'unchanged'));
      await run(['deploy', 'site', id, '--all', '--allow-pinned', 'the rollback was a test', '--yes'], 0);
      const report = await traffic.stop();
      expectNoFailure(report);
      expect(Object.keys(report.byRelease).sort()).toEqual([before?.live, id].sort());
    });

    it('stops a release whose health fails at the canary, takes it back by itself, and leaves the others untouched', async () => {
      const [before] = await views();
      traffic = startTraffic({rig: stage.rig, rate: 80, paths});
      await stage.breakContent();
      await snapshot();
      const ended = await run(['deploy', '--all', '--yes'], 7);
      await stage.mendContent();
      expect(ended.outcome).toBe('rolled-back');
      expect(ended.hosts.filter((host) => host.outcome === 'reverted').map((host) => host.host)).toEqual(['web1']);
      expect(ended.hosts.filter((host) => host.outcome === 'unchanged').map((host) => host.host)).toEqual(web.slice(1));
      await expectAll(before?.live ?? '');
      expectNoFailure(await traffic.stop());
      const health = await stage.drover(['health', '--all']);
      expect(health.status, health.stdout).toBe(0);
    });

    it.each(['stage', 'drain', 'switch', 'warm'] as const)(
      'survives kill -9 during %s: every host stays whole and another home resumes it',
      async (step) => {
        const elsewhere = await mkdtemp(path.join(os.tmpdir(), 'drover-elsewhere-'));
        try {
          await stage.setContent(step === 'stage' || step === 'switch' ? older : newer);
          await stage.write('marker.txt', `killed during ${step} over ${link}, ${randomInt(1e9)}\n`);
          const id = await snapshot();
          await killAt(stage, step);
          for (const view of await views()) expect(view).toMatchObject({host: view.host, whole: true});
          await cp(stage.project, elsewhere, {recursive: true});
          const home = await stage.rig.operator.newHome();
          const resumed = await stage.drover(['resume', '--yes'], {home, cwd: elsewhere});
          expect(resumed.status, `${resumed.stderr}\n${resumed.stdout}`).toBe(0);
          if (step === 'stage') await run(['deploy', '--all', '--yes'], 0);
          await expectAll(id);
          const nothing = await stage.drover(['resume', '--yes'], {home, cwd: elsewhere});
          expect(nothing.status, nothing.stderr).toBe(4);
        } finally {
          await rm(elsewhere, {recursive: true, force: true});
        }
      },
    );

    it('routes around a host whose sshd is dead and one that hangs after its banner, names them, and ends with debt', async () => {
      const [before] = await views();
      await stage.write('marker.txt', `debt over ${link}, ${randomInt(1e9)}\n`);
      const id = await snapshot();
      await stage.rig.stopSshd('web3');
      await stage.rig.hangAfterBanner('web7');
      const ended = await run(['deploy', '--all', '--yes'], 8);
      expect(ended.outcome).toBe('needs-attention');
      const debt = ended.hosts.filter((host) => host.outcome !== 'done');
      expect(debt.map((host) => host.host)).toEqual(['web3', 'web7']);
      for (const host of debt) expect(host.why).toMatch(new RegExp(host.host));
      for (const view of await views())
        expect(view).toMatchObject({live: ['web3', 'web7'].includes(view.host) ? before?.live : id, whole: true});
      const rotation = await stage.rotation();
      expect([...rotation].filter(([, state]) => state !== 'ready').map(([server]) => server)).toEqual(['lb1/web3', 'lb1/web7']);
      await stage.rig.restore('web3');
      await stage.rig.restore('web7');
      expect(ended.next).toMatch(/^drover deploy site [0-9a-f]{12} --hosts web\[3,7\]$/);
      const settled = await stage.drover([...(ended.next ?? '').split(' ').slice(1), '--yes']);
      expect(settled.status, `${settled.stderr}\n${settled.stdout}`).toBe(0);
      await expectAll(id);
    });

    it('runs a command on every host and folds identical output', async () => {
      const ended = await stage.drover(['run', '--role', 'web', '--', 'readlink /srv/site/current']);
      expect(ended.status, ended.stderr).toBe(0);
      expect(ended.stdout).toMatch(/^--- web\[1-8\] \(8\)\nreleases\/[0-9a-f]{64}\n$/);
    });

    it(`holds real content of at least 5,000 files on every host`, async () => {
      expect(fileCount).toBeGreaterThanOrEqual(5000);
      const found = await stage.rig.exec('web5', ['/bin/sh', '-c', 'find -L /srv/site/current -type f | wc -l']);
      expect(Number(found.stdout.trim())).toBeGreaterThanOrEqual(fileCount);
    });
  });
}

/** Starts a deploy (a push for `stage`) and ends it with SIGKILL as soon as the step has begun on some host. */
async function killAt(stage: Stage, step: 'stage' | 'drain' | 'switch' | 'warm'): Promise<void> {
  const words = step === 'stage' ? ['push', '--all', '--events', '-'] : ['deploy', '--all', '--yes', '--events', '-'];
  const child = stage.start(words);
  await new Promise<void>((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (piece: Buffer) => {
      text += piece.toString('utf8');
      const begun = text.split('\n').some((line) => line.includes('"kind":"step-started"') && line.includes(`"step":"${step}"`));
      const moving = step !== 'stage' || text.includes('"kind":"transfer"');
      if (!begun || !moving) return;
      child.kill('SIGKILL');
    });
    child.stderr?.resume();
    child.on('error', reject);
    child.on('close', (_status, signal) =>
      signal === 'SIGKILL' ? resolve() : reject(new Error(`drover ended before ${step}: ${text.slice(-2000)}`)),
    );
  });
}
