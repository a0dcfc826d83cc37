import {type ChildProcess, spawn} from 'node:child_process';
import {existsSync} from 'node:fs';
import {mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {type Lab, startLab} from '../../src/lib/lab/lab.js';
import {writeContent} from '../../src/lib/lab/lab-content.js';
import {type Ended, program, runDrover} from './drover.js';

/** Ends a controller from within, as soon as a file is there: by a promise that nobody waits for, or by memory that runs out. */
const saboteur = `import {existsSync} from 'node:fs';
const {SABOTAGE_FILE: file = '', SABOTAGE_HOW: how = ''} = process.env;
const hog = [];
const watch = setInterval(() => {
  if (!existsSync(file)) return;
  clearInterval(watch);
  if (how === 'reject') Promise.reject(new Error('nobody waits for this'));
  else for (;;) hog.push(new Array(100_000).fill(hog.length));
}, 50);
watch.unref();
`;

interface Controller {
  readonly child: ChildProcess;
  /** Exit status, or the signal. */
  readonly ended: Promise<number | string>;
  said(): string;
}

/**
 * One run of six hosts, a host a wave, that is ended in the middle of a host again and again, each time in another way, and each time another
 * process goes on. In the middle means: the restart command of a host waits as long as a file is there.
 */
describe('a controller that ends in the middle of a host', {timeout: 300_000}, () => {
  let dir: string;
  let lab: Lab;
  let round = 0;
  let before: string;
  const at = (name: string): string => path.join(dir, name);
  const drover = (...words: string[]): Promise<Ended> => runDrover(words, {cwd: dir});
  const live = (): Promise<string[]> =>
    Promise.all([1, 2, 3, 4, 5, 6].map((nth) => readlink(path.join(dir, 'hosts', `web${nth}`, 'site', 'current'))));

  beforeAll(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'de-'));
    lab = await startLab({dir, hosts: 6, silos: ['eu'], missCostMs: 1, signal: AbortSignal.timeout(60_000)});
    await writeContent(at('content'), {version: 1, pages: 3});
    await writeFile(at('saboteur.mjs'), saboteur);
    await writeFile(at('round'), '0');
    const plain = (await readFile(at('drover.yml'), 'utf8')).replace(/ {4}warm: .*\n/, '').replace('confirm: 2m', 'confirm: 1h');
    await writeFile(at('drover.yml'), plain.replace('waves: [1, 100%]', 'waves: [100%]'));
    await drover('snapshot');
    const first = await drover('deploy', '--all', '--yes');
    expect(first.status, first.stderr).toBe(0);
    [before = ''] = await live();
    const restart = `n=$(cat ${dir}/round); true >${dir}/held-$n; while [ -e ${dir}/hold-$n ]; do sleep 0.1; done; exec`;
    const held = plain.replace('restart: exec', `restart: ${restart}`).replace('waves: [1, 100%]', 'waves: [1, 2, 3, 4, 5, 100%]');
    expect(held).toMatch(/hold-.*waves: \[1, 2/s);
    await writeFile(at('drover.yml'), held);
    await writeContent(at('content'), {version: 2, pages: 3});
    await drover('snapshot');
  }, 300_000);
  afterAll(async () => {
    await lab?.stop();
    await rm(dir, {recursive: true, force: true});
  });

  /** Starts a controller and comes back when one of its hosts is being restarted, and held there. */
  async function hold(words: readonly string[], env: Record<string, string> = {}): Promise<Controller> {
    round++;
    await writeFile(at(`hold-${round}`), '');
    await writeFile(at('round'), String(round));
    const child = spawn('sh', ['-c', 'umask 000; exec "$@"', 'sh', process.execPath, program, ...words], {
      cwd: dir,
      env: {PATH: process.env.PATH ?? '', HOME: dir, ...env},
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece: Buffer) => (said += piece.toString()));
    const ended = new Promise<number | string>((resolve) => child.once('close', (status, signal) => resolve(status ?? signal ?? '')));
    while (!existsSync(at(`held-${round}`)) && child.exitCode === null && child.signalCode === null) await sleep(20);
    expect(existsSync(at(`held-${round}`)), said).toBe(true);
    return {child, ended, said: () => said};
  }
  /** The host goes on. */
  const letGo = (): Promise<void> => rm(at(`hold-${round}`));
  const sabotage = (how: string): Record<string, string> => ({
    NODE_OPTIONS: `--import=${at('saboteur.mjs')} --max-old-space-size=96`,
    SABOTAGE_FILE: at(`sabotage-${round + 1}`),
    SABOTAGE_HOW: how,
  });

  it('D1 A4 A5 A6 A8 A11 A14: leaves every host on one release, and others go on, as often as it takes', async () => {
    const told = async (controller: Controller, words: string): Promise<void> => {
      while (!controller.said().includes(words) && controller.child.exitCode === null) await sleep(20);
      expect(controller.said()).toContain(words);
    };

    // A5, once: the host in hand is finished, and no other is begun.
    const first = await hold(['deploy', '--all', '--yes', '--reason', 'ends']);
    first.child.kill('SIGINT');
    await told(first, 'SIGINT: finishing the hosts in hand, starting no more');
    await letGo();
    expect(await first.ended, first.said()).toBe(130);
    const [run = ''] = /drover resume (\S+)/.exec(first.said())?.slice(1) ?? [];
    expect(run).toMatch(/^\d{8}-\d{6}-/);
    const after = (await live())[0] ?? '';
    expect(after).not.toBe(before);
    expect(await live()).toEqual([after, ...Array.from({length: 5}, () => before)]);

    // A6: SIGTERM, and SIGKILL before that host was done. A4: what is killed is a recovery, and so are all below.
    const second = await hold(['resume', run, '--yes']);
    second.child.kill('SIGTERM');
    await told(second, 'SIGTERM: finishing');
    second.child.kill('SIGKILL');
    expect(await second.ended).toBe('SIGKILL');
    await letGo();

    // A14: a promise that nobody waits for. A11: no memory left.
    for (const how of ['reject', 'hog']) {
      const ill = await hold(['resume', run, '--yes'], sabotage(how));
      await writeFile(at(`sabotage-${round}`), '');
      expect(await ill.ended, ill.said()).toBe(how === 'reject' ? 1 : 'SIGABRT');
      await letGo();
    }

    // A5, twice: it lets go of the hosts at once.
    const fifth = await hold(['resume', run, '--yes']);
    fifth.child.kill('SIGINT');
    await told(fifth, 'once more to abandon them');
    fifth.child.kill('SIGINT');
    expect(await fifth.ended, fifth.said()).toBe(130);
    await letGo();

    for (const release of await live()) expect([before, after]).toContain(release);

    // A8: the lid is shut; somebody else takes the run over and goes back. It wakes up and changes nothing.
    const sleeper = await hold(['resume', run, '--yes']);
    sleeper.child.kill('SIGSTOP');
    await letGo();
    await mkdir(at('other'));
    const words = ['rollback', '--all', '--yes', '--takeover', run, '--reason', 'his laptop is shut'];
    const taken = await runDrover(words, {cwd: dir, env: {HOME: at('other')}});
    expect(taken.status, taken.stderr + taken.stdout).toBe(0);
    expect(new Set(await live())).toEqual(new Set([before]));
    sleeper.child.kill('SIGCONT');
    expect([5, 8]).toContain(await sleeper.ended);
    expect(sleeper.said()).toMatch(/lease|another run|taken/);
    expect(new Set(await live())).toEqual(new Set([before]));
    expect((await drover('lease')).stdout).toBe('no host is leased\n');
    const health = await drover('health', '--all');
    expect(health.status, health.stdout).toBe(0);
  });

  it('T30: keeps what it recorded to its owner, under a umask that hides nothing', async () => {
    const state = path.join(dir, '.local', 'state', 'drover');
    const entries = await readdir(state, {recursive: true, withFileTypes: true});
    expect(entries.filter((entry) => entry.name === 'events.ndjson').length).toBeGreaterThan(5);
    for (const entry of entries) {
      const {mode} = await stat(path.join(entry.parentPath, entry.name));
      expect([entry.name, (mode & 0o077).toString(8)]).toEqual([entry.name, '0']);
    }
  });
});
