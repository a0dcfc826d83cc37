import {execFileSync} from 'node:child_process';
import fs from 'node:fs';
import {Readable} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import {describe, expect, it} from 'vitest';
import {canEncode, type Encoding, encode} from '../../src/lib/snapshot/delta-encoding.js';
import {never, openStore, snap, withFolder} from './fixture.js';
import {write} from './store-fixture.js';

const encodings = (['gzip', 'zstd'] as const).filter(canEncode);
const unpack = (encoding: Encoding, file: string): Buffer =>
  execFileSync(encoding, ['-dc'], {input: fs.readFileSync(file), maxBuffer: 64 * 1024 * 1024});

describe('a delta in each encoding', () => {
  it('is the same archive, of the size it tells, in a file of its own that is built once', async () => {
    await withFolder(async (folder) => {
      const {record} = await snap(folder, write(folder, {a: 'sheep '.repeat(100_000), 'b/c': 'x'}));
      const store = openStore(folder);
      const deltas = await Promise.all(encodings.map((encoding) => store.delta(undefined, record.id, never, encoding)));
      const archives = deltas.map(({encoding, path}) => unpack(encoding, path));
      for (const [index, delta] of deltas.entries()) {
        expect(delta.encoding).toBe(encodings[index]);
        expect(archives[index]?.equals(archives[0] ?? Buffer.alloc(0))).toBe(true);
        expect(delta.archiveBytes).toBe(archives[0]?.length);
        const {ino} = fs.statSync(delta.path);
        expect(await store.delta(undefined, record.id, never, delta.encoding)).toEqual(delta);
        expect(fs.statSync(delta.path).ino).toBe(ino);
      }
      expect(new Set(deltas.map(({path}) => path)).size).toBe(encodings.length);
      fs.truncateSync(deltas.at(-1)?.path ?? '', 10);
      expect((await store.verify(undefined, never)).map(({why}) => why)).toEqual(['altered']);
    });
  });

  it('fails with its source, and leaves no program that would keep drover from ending', async () => {
    for (const encoding of encodings) {
      await withFolder(async (folder) => {
        const failing = Readable.from(
          (function* () {
            yield Buffer.alloc(1_000_000);
            throw new Error('the disk is gone');
          })(),
        );
        await expect(pipeline(failing, encode(encoding), fs.createWriteStream(`${folder}/out`))).rejects.toThrow('the disk is gone');
      });
    }
    await expect.poll(() => process.getActiveResourcesInfo().filter((name) => name === 'ProcessWrap')).toEqual([]);
  });
});
