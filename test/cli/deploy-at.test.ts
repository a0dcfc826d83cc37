import {spawn} from 'node:child_process';
import {mkdtemp, readFile, readlink, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {type Lab, startLab} from '../../src/lib/lab/lab.js';
import {writeContent} from '../../src/lib/lab/lab-content.js';
import {type Ended, program, runDrover} from './drover.js';

const web = ['web1', 'web2', 'web3', 'web4'];
const timed = `inventory: inventory.yml
apps:
  content: {source: ./content, root: ~/timed, hosts: role:web, roll: {waves: [1, 100%], confirm: 2m}}
`;

describe('deploy --at on the practice fleet', {timeout: 300_000}, () => {
  let dir: string;
  let lab: Lab;
  const drover = (...words: string[]): Promise<Ended> => runDrover([...words, '-c', 'timed.yml'], {cwd: dir});
  const live = (): Promise<string[]> =>
    Promise.all(web.map(async (host) => (await readlink(path.join(dir, 'hosts', host, 'timed', 'current'))).replace('releases/', '')));
  const snapshot = async (text: string): Promise<string> => {
    await writeFile(path.join(dir, 'content', 'extra.txt'), text);
    return (await drover('snapshot')).stdout.trim();
  };

  beforeAll(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'da-'));
    lab = await startLab({dir, hosts: 4, missCostMs: 1, signal: AbortSignal.timeout(60_000)});
    await writeContent(path.join(dir, 'content'), {version: 1, pages: 5});
    await writeFile(path.join(dir, 'timed.yml'), timed);
    await snapshot('first');
    const first = await drover('deploy', '--all', '--yes');
    expect(first.status, first.stderr).toBe(0);
  });

  afterAll(async () => {
    await lab?.stop();
    await rm(dir, {recursive: true, force: true});
  });

  it('shows the time, the offset of each wave, and what a switch costs', async () => {
    await snapshot('shown');
    const ended = await drover('deploy', '--all', '--at', '2099-01-01T01:00:00+01:00', '--wave-gap', '90s', '--plan-only');
    expect(ended.status, ended.stderr).toBe(0);
    expect(ended.stdout).toContain('  time  2099-01-01T00:00:00Z: the hosts of a wave switch together, each by its own clock');
    expect(ended.stdout).toMatch(/^ {2}wave 1 {2}eu canary {2}web1 {2}at its time\n {2}wave 2 {2}us canary {2}web3 {2}at its time\n/m);
    expect(ended.stdout).toMatch(/^ {2}wave 3 {2}eu 100% {2}web2 {2}\+90s\n/m);
    expect(ended.stdout).toContain('a switch takes nobody out of rotation; budget: 1 once they have switched, 0 before');
  });

  it('tells how far apart hosts switched, in words and in JSON', async () => {
    const id = await snapshot('told');
    const ended = await drover('deploy', '--all', '--yes', '--at', '+35s', '--wave-gap', '0s', '--clock-bound', '1s', '--json');
    expect(ended.status, ended.stderr).toBe(0);
    const told = JSON.parse(ended.stdout) as {run: string; instant: string; switches: {hosts: number; spreadMs: number; instant: string}[]};
    expect(told.switches).toMatchObject([{hosts: 4, instant: told.instant.replace('Z', '.000Z')}]);
    expect(told.switches[0]?.spreadMs).toBeLessThan(1000);
    expect(await live()).toEqual(web.map(() => id));
    expect(ended.stderr).toMatch(/ 4 hosts switched within 0\.\d\d s, the last \d\.\d\d s after its time; clocks off by \d+ ms at most\n/);
    expect((await runDrover(['report', told.run], {cwd: dir})).stdout).toContain('4 hosts switched within 0.');
  });

  it.each([
    ['while it waits for its time', '+30s', '"kind":"waiting"'],
    ['after it has let the hosts go', '+25s', '"step":"switch"'],
  ])('killed -9 %s leaves hosts that do not switch, and is resumed', async (_when, at, sign) => {
    const before = await live();
    const id = await snapshot(`killed ${sign}`);
    const words = ['deploy', '--all', '--yes', '--at', at, '--wave-gap', '0s', '--clock-bound', '1s', '--events', '-', '-c', 'timed.yml'];
    const child = spawn(process.execPath, [program, ...words], {
      cwd: dir,
      env: {PATH: process.env.PATH, HOME: dir},
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let text = '';
    await new Promise<void>((resolve) => {
      child.stdout.on('data', (piece: Buffer) => {
        text += piece.toString();
        // Every host has heard its `go` when the last one is asked to switch, or none has.
        const heard = text.split(sign).length - 1;
        if (heard >= (sign.includes('switch') ? web.length : 1)) child.kill('SIGKILL');
      });
      child.on('close', () => resolve());
    });
    const run = /"run":"([^"]+)"/.exec(text)?.[1] ?? '';
    const instantMs = Date.parse(/"instant":"([^"]+)"/.exec(text)?.[1] ?? '');
    // What is to be seen is that nothing happens then.
    await sleep(Math.max(0, instantMs + 1500 - Date.now()));
    expect(await live()).toEqual(before);
    for (const host of web) {
      const journal = await readFile(path.join(dir, 'hosts', host, 'timed', '.drover', 'journal'), 'utf8');
      expect(journal).not.toContain(`${run} switched`);
    }
    const resumed = await drover('resume', run, '--yes');
    expect(resumed.status, resumed.stderr).toBe(0);
    expect(resumed.stderr).toContain('what was to switch at');
    expect(await live()).toEqual(web.map(() => id));
  });
});
