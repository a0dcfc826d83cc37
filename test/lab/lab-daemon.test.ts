import {spawn} from 'node:child_process';
import {rm} from 'node:fs/promises';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {labDown, labStatus, labUp} from '../../src/lib/lab/lab-daemon.js';
import {readBirth, readRecord, writeRecord} from '../../src/lib/lab/lab-record.js';
import {makeFolder} from './practice-fleet.js';

const fixture = fileURLToPath(new URL('serve-lab.ts', import.meta.url));
const signal = AbortSignal.timeout(120_000);
const entryFor = (dir: string, ...more: string[]): [string, ...string[]] => [
  process.execPath,
  '--import',
  import.meta.resolve('tsx'),
  fixture,
  dir,
  ...more,
];

let dir: string;
beforeEach(async () => {
  dir = await makeFolder();
});
afterEach(async () => {
  await labDown({dir, signal});
  await rm(dir, {recursive: true});
});

describe('the background lab', {timeout: 300_000}, () => {
  it('comes up, is found again, serves, and goes down', async () => {
    const up = await labUp({dir, entry: entryFor(dir), signal});
    expect(up.hosts.map(({name}) => name)).toEqual(['web1', 'web2', 'lb1']);
    expect((await fetch(up.balancerUrl)).status).toBe(503);
    expect(await labStatus({dir})).toEqual({kind: 'up', ...up});
    expect(await labUp({dir, entry: ['/nonexistent'], signal})).toMatchObject({pid: up.pid});
    expect(await labDown({dir, signal})).toBe(true);
    expect(await readBirth(up.pid)).toBeUndefined();
    expect(await labStatus({dir})).toEqual({kind: 'down'});
    expect(await labDown({dir, signal})).toBe(false);
  });

  it('comes up again after it was killed', async () => {
    const first = await labUp({dir, entry: entryFor(dir), signal});
    process.kill(first.pid, 'SIGKILL');
    while ((await readBirth(first.pid)) !== undefined) await new Promise((resolve) => setImmediate(resolve));
    expect(await labStatus({dir})).toEqual({kind: 'down'});
    const second = await labUp({dir, entry: entryFor(dir), signal});
    expect(second.pid).not.toBe(first.pid);
  });

  it('gives the last words of a process that does not come up', async () => {
    await expect(labUp({dir, entry: entryFor(dir, 'fail'), signal})).rejects.toMatchObject({
      code: 'refused',
      message: 'the lab ended while it was starting: no room at the inn',
      problems: [{fix: `read ${path.join(dir, 'lab.log')}`}],
    });
  });

  it('ends a process that does not answer, when it is the one of the record', async () => {
    const [program, ...args] = entryFor(dir, 'deaf');
    const child = spawn(program, args);
    const ended = new Promise((resolve) => child.once('exit', (_status, killer) => resolve(killer)));
    await new Promise((resolve) => child.stdout.once('data', resolve));
    expect(await labStatus({dir})).toEqual({kind: 'hung', pid: child.pid});
    await expect(labUp({dir, entry: entryFor(dir), signal})).rejects.toMatchObject({code: 'refused'});
    expect(await labDown({dir, signal})).toBe(true);
    expect(await ended).toBe('SIGTERM');
  });

  it('never ends a stranger that has the pid of a lab long dead', async () => {
    const stranger = spawn('sleep', ['600']);
    await writeRecord(dir, {pid: stranger.pid ?? 0, born: 'another boot 12345', token: 'x'});
    expect(await labStatus({dir})).toEqual({kind: 'down'});
    expect(await labDown({dir, signal})).toBe(false);
    expect([stranger.exitCode, stranger.signalCode]).toEqual([null, null]);
    expect(await readRecord(dir)).toBeUndefined();
    stranger.kill();
  });
});
