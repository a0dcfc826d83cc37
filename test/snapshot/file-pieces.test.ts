import {createHash} from 'node:crypto';
import fs from 'node:fs';
import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {findPieces, type PlainFile} from '../../src/lib/snapshot/file-pieces.js';
import type {Digest} from '../../src/lib/snapshot/manifest.js';
import {never, withFolder} from './fixture.js';

function put(file: string, bytes: Buffer): PlainFile {
  fs.writeFileSync(file, bytes);
  return {file, digest: createHash('sha256').update(bytes).digest('hex') as Digest, size: bytes.length};
}

/** Bytes that do not repeat; the same for the same seed. */
function noise(seed: string, length: number): Buffer {
  const blocks = Array.from({length: Math.ceil(length / 32)}, (_, index) => createHash('sha256').update(`${seed} ${index}`).digest());
  return Buffer.concat(blocks).subarray(0, length);
}

const old = noise('old', 400_000);
const edit = fc.record({
  at: fc.integer({min: 0, max: old.length}),
  gone: fc.integer({min: 0, max: 3000}),
  come: fc.integer({min: 0, max: 3000}),
});

describe('the pieces of a file', () => {
  it('put together are that file, whatever was changed, moved in or cut out', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(edit, {maxLength: 8}), (edits) =>
        withFolder(async (folder) => {
          const fresh = edits.reduce(
            (bytes, {at, gone, come}) => Buffer.concat([bytes.subarray(0, at), noise(`${at}`, come), bytes.subarray(at + gone)]),
            old,
          );
          const pieces = await findPieces(put(`${folder}/old`, old), put(`${folder}/new`, fresh), never);
          const built = (pieces ?? []).map(({from, offset, length}) => (from === 'base' ? old : fresh).subarray(offset, offset + length));
          expect(Buffer.concat(built).equals(fresh)).toBe(true);
          const travels = (pieces ?? []).reduce((sum, {from, length}) => sum + (from === 'fresh' ? length : 0), 0);
          expect(travels).toBeLessThan(edits.reduce((sum, {come}) => sum + come, 0) + edits.length * 16_384 + 1);
        }),
      ),
      {numRuns: 40},
    );
  }, 300_000);

  it('are none where little of the file is in the base, or where a file is damaged', async () => {
    await withFolder(async (folder) => {
      const base = put(`${folder}/old`, old);
      expect(await findPieces(base, put(`${folder}/new`, noise('other', 300_000)), never)).toBeUndefined();
      const same = put(`${folder}/same`, old);
      expect(await findPieces(base, same, never)).toEqual([{from: 'base', offset: 0, length: old.length}]);
      expect(await findPieces({...base, digest: 'f'.repeat(64) as Digest}, same, never)).toBeUndefined();
      expect(await findPieces(base, {...same, digest: 'f'.repeat(64) as Digest}, never)).toBeUndefined();
    });
  });

  it('are never more than a host can be asked to put together', async () => {
    await withFolder(async (folder) => {
      const bytes = noise('many', 24 * 1024 * 1024);
      const base = put(`${folder}/old`, bytes);
      const fresh = Buffer.from(bytes);
      for (let at = 4000; at < fresh.length; at += 9000) fresh[at] = (fresh[at] ?? 0) ^ 1;
      const pieces = await findPieces(base, put(`${folder}/new`, fresh), never);
      expect(pieces?.length ?? 0).toBeLessThanOrEqual(2000);
    });
  }, 300_000);
});
