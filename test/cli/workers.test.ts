import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {existsSync} from 'node:fs';
import {mkdir, mkdtemp, readlink, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {WorkerQueue} from '../operations/worker-queue.js';
import {type Ended, program, runDrover} from './drover.js';

/** One worker that is this machine, with a queue of files. */
describe('a worker on the command line', {timeout: 300_000}, () => {
  let dir: string;
  let queue: WorkerQueue;
  const drover = (...words: string[]): Promise<Ended> => runDrover(words, {cwd: dir});
  const release = async (name: string): Promise<string> => {
    await mkdir(path.join(dir, 'content'), {recursive: true});
    await writeFile(path.join(dir, 'content', 'name'), name);
    return (await drover('snapshot', '--size-changed')).stdout.trim();
  };

  beforeAll(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'drover-worker-'));
    queue = await WorkerQueue.make(path.join(dir, 'queue'));
    const hooks = {pause: queue.pause, until: queue.until, resume: queue.resume, wait: '10m'};
    const app = {source: './content', root: `${dir}/site`, hosts: 'all', restart: queue.restart, endings: {worker: hooks}};
    await writeFile(path.join(dir, 'drover.yml'), JSON.stringify({inventory: 'inventory.yml', apps: {thumbs: app}}));
    await writeFile(path.join(dir, 'inventory.yml'), 'hosts:\n  worker1: {silo: eu, role: worker}\nssh: {link: local}\n');
    await release('one');
    const first = await drover('deploy', '--all', '--yes', '--trust-inventory');
    expect(first.status, first.stderr).toBe(0);
  });
  afterAll(async () => {
    await queue.stop([dir]);
    await rm(dir, {recursive: true, force: true});
  });

  it('is shown in the plan with how it is paused', async () => {
    await release('two');
    const {stdout, stderr} = await drover('deploy', '--all', '--plan-only');
    expect(stdout + stderr).toContain(`pause worker  ${queue.pause}, until ${queue.until}, at most 10m, then abort  worker1`);
  });

  it('is paused no longer, and has lost and repeated nothing, after the deploy was killed in the pause and resumed elsewhere', async () => {
    const id = await release('two');
    await queue.hold(true);
    await queue.add(0, 20);
    while ((await queue.busy(dir)).length === 0) await sleep(20);
    const words = [program, 'deploy', '--all', '--yes'];
    const killed = spawn(process.execPath, words, {cwd: dir, env: {PATH: process.env.PATH, HOME: dir}, stdio: 'ignore'});
    const died = once(killed, 'exit');
    while (!existsSync(path.join(dir, 'paused'))) await sleep(20);
    killed.kill('SIGKILL');
    await died;
    const status = await drover('status', '--json');
    const {pausedBy} = (JSON.parse(status.stdout) as {apps: {hosts: {pausedBy: string}[]}[]}).apps[0]?.hosts[0] ?? {pausedBy: ''};
    expect(pausedBy).toMatch(/^\d{8}/);
    await queue.hold(false);
    const resumed = await runDrover(['resume', pausedBy, '--yes', '--trust-inventory'], {
      cwd: dir,
      env: {XDG_STATE_HOME: `${dir}/elsewhere`},
    });
    expect(resumed.status, resumed.stderr).toBe(0);
    expect(await readlink(path.join(dir, 'site', 'current'))).toBe(`releases/${id}`);
    expect(existsSync(path.join(dir, 'paused'))).toBe(false);
    await queue.waitFor(20);
    const done = await queue.done();
    expect(new Set(done.map(({job}) => job)).size).toBe(20);
    expect(done).toHaveLength(20);
    expect(done.at(-1)?.release).toBe('two');
  });
});
