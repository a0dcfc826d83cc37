import {createHash} from 'node:crypto';
import fs from 'node:fs';
import {Worker} from 'node:worker_threads';
import {afterEach, describe, expect, it, vi} from 'vitest';
import {DroverError} from '../../src/lib/errors/drover-error.js';
import type {Digest} from '../../src/lib/snapshot/manifest.js';
import {catchProblems, openStore, snap, withFolder} from './fixture.js';
import {makeSource} from './store-fixture.js';

afterEach(() => {
  vi.restoreAllMocks();
});

describe('a file that is written to while it is read', () => {
  /** Lets `change` happen in the middle of the first `times` readings of the file. */
  function disturb(times: number, change: (descriptor: number) => void): void {
    let left = times;
    const read = fs.readSync as (...values: unknown[]) => number;
    vi.spyOn(fs, 'readSync').mockImplementation(((descriptor: number, ...rest: unknown[]) => {
      const count = read(descriptor, ...rest);
      if (left > 0) {
        left -= 1;
        change(descriptor);
      }
      return count;
    }) as typeof fs.readSync);
  }

  it.each<[what: string, change: (file: string) => void]>([
    ['in place, with the same size', (file) => fs.writeFileSync(file, 'NEW')],
    [
      'in place, and put back its times',
      (file) => {
        const {atime, mtime} = fs.statSync(file);
        fs.writeFileSync(file, 'NEW');
        fs.utimesSync(file, atime, mtime);
      },
    ],
    ['by growing', (file) => fs.writeFileSync(file, 'NEW, and longer')],
    ['by shrinking', (file) => fs.writeFileSync(file, '')],
  ])('%s, is read again', async (_, change) => {
    await withFolder(async (folder) => {
      const source = makeSource(folder, 1);
      fs.writeFileSync(`${source}/0`, 'old');
      disturb(1, () => change(`${source}/0`));
      const {manifest} = await snap(folder, source);
      vi.restoreAllMocks();
      const [entry] = manifest.entries;
      expect(entry).toMatchObject({
        digest: createHash('sha256')
          .update(fs.readFileSync(`${source}/0`))
          .digest('hex'),
      });
    });
  });

  it('again and again is refused by name', async () => {
    await withFolder(async (folder) => {
      const source = makeSource(folder, 1);
      let count = 0;
      disturb(100, () => {
        count += 1;
        fs.writeFileSync(`${source}/0`, `another content ${count}`);
      });
      const error = await catchProblems(() => snap(folder, source));
      vi.restoreAllMocks();
      expect(error).toMatchObject({code: 'invalid-source', message: `"0" in ${source} changed while it was read, 4 times`});
      expect(await openStore(folder).list()).toEqual([]);
    });
  });

  it('stops the snapshot when it appears, vanishes or is replaced meanwhile', async () => {
    for (const change of [
      (source: string) => fs.writeFileSync(`${source}/extra`, ''),
      (source: string) => fs.rmSync(`${source}/1`),
      (source: string) => fs.renameSync(`${source}/1`, `${source}/0`),
    ]) {
      await withFolder(async (folder) => {
        const source = makeSource(folder, 2);
        disturb(1, () => change(source));
        const error = await catchProblems(() => snap(folder, source));
        vi.restoreAllMocks();
        expect(error.message).toMatch(/(changed|vanished) while (it|the tree) was read$/);
      });
    }
  });

  it('by another thread, small or large, never gets in torn', async () => {
    await withFolder(async (folder) => {
      const source = `${folder}/source`;
      fs.mkdirSync(source);
      const sizes = [1024 * 1024, 12 * 1024 * 1024];
      for (const size of sizes) fs.writeFileSync(`${source}/${size}`, Buffer.alloc(size, 'a'));
      const stop = new Int32Array(new SharedArrayBuffer(4));
      const writer = new Worker(
        `const fs = require('node:fs');
         const {source, sizes, stop} = require('node:worker_threads').workerData;
         for (let round = 0; Atomics.load(stop, 0) === 0; round += 1) {
           for (const size of sizes) {
             const descriptor = fs.openSync(source + '/' + size, 'r+');
             const piece = Buffer.alloc(64 * 1024, 97 + (round % 26));
             for (let at = 0; at < size; at += piece.length) fs.writeSync(descriptor, piece, 0, piece.length, at);
             fs.closeSync(descriptor);
           }
           Atomics.wait(stop, 0, 0, round % 4 * 40);
         }`,
        {eval: true, workerData: {source, sizes, stop}},
      );
      const ended = new Promise((done) => writer.once('exit', done));
      const store = openStore(folder);
      const digests = new Set<Digest>();
      try {
        for (let round = 0; round < 12; round += 1) {
          try {
            const {manifest} = await snap(folder, source);
            for (const entry of manifest.entries) if (entry.kind === 'file') digests.add(entry.digest);
          } catch (error) {
            if (!(error instanceof DroverError && /changed while it was read/.test(error.message))) throw error;
          }
        }
      } finally {
        Atomics.store(stop, 0, 1);
        Atomics.notify(stop, 0);
        await ended;
      }
      for (const digest of digests) {
        const bytes = Buffer.concat(await (await store.open(digest)).toArray());
        expect(bytes.equals(Buffer.alloc(bytes.length, bytes[0]))).toBe(true);
      }
    });
  }, 300_000);
});
