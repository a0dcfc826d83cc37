import {execFile, execFileSync} from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import {promisify} from 'node:util';
import {describe, expect, it} from 'vitest';
import {catchProblems, never, openStore, snap, withFolder} from '../snapshot/fixture.js';
import {makeSource} from '../snapshot/store-fixture.js';

const run = promisify(execFile);
const program = path.join(import.meta.dirname, '..', 'snapshot', 'save-until-killed.ts');
const isRoot = process.getuid?.() === 0;
const noLimit = '1000000';

/** A small file system of its own below `folder`, gone after `work`. */
async function withTmpfs<Result>(folder: string, options: string, work: (place: string) => Promise<Result>): Promise<Result> {
  const place = `${folder}/small`;
  fs.mkdirSync(place);
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'store', place]);
  try {
    return await work(place);
  } finally {
    execFileSync('umount', [place]);
  }
}

/** Saves in a process of its own, with faults from strace; what it said, and how it ended. */
async function saveUnderFault(source: string, store: string, fault: string): Promise<{status: unknown; stderr: string; hits: number}> {
  const note = `${store}.strace`;
  const strace = ['-f', '-o', note, '-e', `trace=${fault.split(':')[0]}`, '-e', `inject=${fault}`];
  const ended = await run('strace', [...strace, process.execPath, '--import', 'tsx', program, source, store, noLimit]).then(
    ({stderr}) => ({status: 0 as unknown, stderr}),
    (error: {code: unknown; stderr: string}) => ({status: error.code, stderr: error.stderr}),
  );
  const hits = fs.readFileSync(note, 'utf8').split('(INJECTED)').length - 1;
  return {...ended, hits};
}

function listTemporaries(folder: string): string[] {
  return fs.readdirSync(folder, {recursive: true, encoding: 'utf8'}).filter((name) => path.basename(name).startsWith('.tmp-'));
}

describe.skipIf(!isRoot)('a store on a disk that fails', () => {
  it('C3: says that there is no space left, keeps what it had, leaves no leftovers, and goes on when there is space', async () => {
    await withFolder((folder) =>
      withTmpfs(folder, 'size=1m', async (place) => {
        const source = makeSource(folder, 20);
        const {record} = await snap(place, source);
        fs.writeFileSync(`${source}/wide`, Buffer.alloc(3 * 1024 * 1024, 'wide'));
        const failure = await catchProblems(() => snap(place, source));
        expect(failure).toMatchObject({code: 'invalid-file', exit: 3, message: expect.stringContaining('no space left (ENOSPC)')});
        expect(listTemporaries(`${place}/store`)).toEqual([]);
        expect(await openStore(place).list()).toEqual([record]);
        expect(await openStore(place).verify(undefined, never)).toEqual([]);
        execFileSync('mount', ['-o', 'remount,size=8m', place]);
        expect((await snap(place, source)).record.files).toBe(21);
        expect(await openStore(place).verify(undefined, never)).toEqual([]);
      }),
    );
  });

  it('C4: without a free inode it says so, keeps what it had, and goes on when there are some', async () => {
    await withFolder((folder) =>
      withTmpfs(folder, 'size=8m,nr_inodes=24', async (place) => {
        const source = makeSource(folder, 5);
        const {record} = await snap(place, source);
        const fillers: string[] = [];
        for (let free = Number(fs.statfsSync(place).ffree); free > 1; free -= 1) {
          fillers.push(`${place}/filler-${free}`);
          fs.writeFileSync(fillers.at(-1) ?? '', '');
        }
        fs.writeFileSync(`${source}/0`, 'another content');
        const failure = await catchProblems(() => snap(place, source));
        expect(failure).toMatchObject({code: 'invalid-file', message: expect.stringMatching(/no inodes left \(ENOSPC\)$/)});
        for (const file of fillers) fs.rmSync(file);
        expect(await openStore(place).list()).toEqual([record]);
        expect(listTemporaries(`${place}/store`)).toEqual([]);
        await snap(place, source);
        expect(await openStore(place).verify(undefined, never)).toEqual([]);
      }),
    );
  });

  it('C6: on a file system that was made read-only it says so, and still reads', async () => {
    await withFolder((folder) =>
      withTmpfs(folder, 'size=8m', async (place) => {
        const source = makeSource(folder, 5);
        const {record} = await snap(place, source);
        execFileSync('mount', ['-o', 'remount,ro', place]);
        expect(await catchProblems(() => snap(place, source))).toMatchObject({
          code: 'invalid-file',
          message: expect.stringContaining('read-only file system (EROFS)'),
        });
        expect(await openStore(place).list()).toEqual([record]);
        expect(await openStore(place).verify(undefined, never)).toEqual([]);
      }),
    );
  });

  it.each([
    ['fsync', 1],
    ['fsync', 4],
    ['fsync', 7],
    ['rename', 1],
    ['rename', 3],
    ['rename', 4],
  ])('C5: stops at an input/output error of %s (the %i.), names it, never tries it again, and the store is valid', async (call, when) => {
    await withFolder(async (folder) => {
      const source = makeSource(folder, 20);
      const {status, stderr, hits} = await saveUnderFault(source, `${folder}/store`, `${call}:error=EIO:when=${when}`);
      expect({hits, failed: status !== 0, told: stderr.includes('input/output error (EIO)')}, stderr).toEqual({
        hits: 1,
        failed: true,
        told: true,
      });
      expect(await openStore(folder).verify(undefined, never)).toEqual([]);
      const {record} = await snap(folder, source);
      expect(await openStore(folder).list()).toEqual([record]);
      expect(listTemporaries(`${folder}/store`)).toEqual([]);
    });
  });

  it('E11: killed at any of its fsyncs, with another save beside it, it leaves a valid store', async () => {
    let killed = 0;
    for (const when of [1, 2, 3, 4, 5, 6, 7, 8]) {
      await withFolder(async (folder) => {
        const source = makeSource(folder, 50);
        const other = `${folder}/other`;
        fs.cpSync(source, other, {recursive: true, preserveTimestamps: true});
        fs.writeFileSync(`${source}/own`, 'of the one that is killed');
        const beside = run(process.execPath, ['--import', 'tsx', program, other, `${folder}/store`, noLimit]);
        const [{status}] = await Promise.all([saveUnderFault(source, `${folder}/store`, `fsync:signal=SIGKILL:when=${when}`), beside]);
        if (status !== 0) killed += 1;
        expect((await openStore(folder).list()).map(({files}) => files)).toEqual(expect.arrayContaining(status === 0 ? [50, 51] : [50]));
        expect(await openStore(folder).verify(undefined, never)).toEqual([]);
        await snap(folder, source);
        expect((await openStore(folder).list()).map(({files}) => files).toSorted()).toEqual([50, 51]);
        expect(listTemporaries(`${folder}/store`)).toEqual([]);
      });
    }
    expect(killed).toBeGreaterThanOrEqual(4);
  });

  it('E9: keeps a sparse file of 5 GB as one object, in flat memory', async () => {
    await withFolder(async (folder) => {
      const source = makeSource(folder, 1);
      const bytes = 5 * 1024 ** 3;
      fs.truncateSync(`${source}/0`, bytes);
      const before = process.resourceUsage().maxRSS;
      const {record, newBytes} = await snap(folder, source);
      expect({bytes: record.bytes, newBytes}).toEqual({bytes, newBytes: bytes});
      expect((process.resourceUsage().maxRSS - before) / 1024).toBeLessThan(120);
      const allocated = execFileSync('du', ['-s', '-B1', `${folder}/store/objects`], {encoding: 'utf8'});
      expect(Number.parseInt(allocated, 10)).toBeLessThan(bytes / 100);
    });
  });
});
