import {execFile} from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import {promisify} from 'node:util';
import {afterEach, describe, expect, it, vi} from 'vitest';
import {catchProblems, never, openStore, snap, withFolder} from './fixture.js';
import {makeSource} from './store-fixture.js';

const run = promisify(execFile);
const program = path.join(import.meta.dirname, 'save-until-killed.ts');

function listTemporaries(folder: string): string[] {
  return fs.readdirSync(folder, {recursive: true, encoding: 'utf8'}).filter((name) => path.basename(name).startsWith('.tmp-'));
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('a save', () => {
  it('killed before any of its changes leaves a valid store, which the next save completes and cleans', async () => {
    await withFolder(async (folder) => {
      const source = makeSource(folder, 20);
      fs.writeFileSync(`${source}/big`, Buffer.alloc(9 * 1024 * 1024));
      const save = (store: string, limit: number) => run(process.execPath, ['--import', 'tsx', program, source, store, `${limit}`]);
      const changes = Number((await save(`${folder}/whole`, 1_000_000)).stdout);
      expect(changes).toBeGreaterThan(30);
      const limits = Array.from({length: 14}, (_, index) => 1 + Math.round((index * (changes - 1)) / 13));
      const states: Record<string, number> = {};
      for (const limit of limits) {
        const at = `${folder}/${limit}`;
        fs.mkdirSync(at);
        await expect(save(`${at}/store`, limit)).rejects.toMatchObject({signal: 'SIGKILL'});
        const store = openStore(at);
        const records = await store.list();
        states[`${records.length} records`] = (states[`${records.length} records`] ?? 0) + 1;
        expect(await store.verify(undefined, never)).toEqual([]);
        for (const {id} of records) expect((await store.manifest(id)).files).toBe(21);
        const {record} = await snap(at, source);
        expect(await store.verify(undefined, never)).toEqual([]);
        expect(await store.list()).toEqual([record]);
        expect(listTemporaries(`${at}/store`)).toEqual([]);
        expect((await store.prune({keep: 1, protect: [], now: Date.now, signal: never})).kept).toEqual([record.id]);
        fs.rmSync(at, {recursive: true});
      }
      expect(states['0 records']).toBeGreaterThan(5);
    });
  }, 300_000);

  it.each(['writeSync', 'writeFileSync', 'fsyncSync', 'renameSync'] as const)(
    'on a full disk (%s) says so, and leaves a valid store without leftovers',
    async (call) => {
      await withFolder(async (folder) => {
        const source = makeSource(folder, 20);
        const store = openStore(folder);
        await snap(folder, source);
        fs.writeFileSync(`${source}/0`, 'another content');
        const {record} = (await snap(`${folder}`, source, {store: openStore(`${folder}/other`)})) as Awaited<ReturnType<typeof snap>>;
        vi.spyOn(fs, call).mockImplementation(() => {
          throw Object.assign(new Error('ENOSPC: no space left on device'), {code: 'ENOSPC', syscall: 'write', errno: -28});
        });
        const error = await catchProblems(() => snap(folder, source));
        vi.restoreAllMocks();
        expect(error).toMatchObject({
          code: 'invalid-file',
          exit: 3,
          message: `the store ${folder}/store cannot be written: no space left (ENOSPC)`,
        });
        expect(listTemporaries(`${folder}/store`)).toEqual([]);
        expect(await store.verify(undefined, never)).toEqual([]);
        expect((await snap(folder, source)).record.id).toBe(record.id);
      });
    },
  );

  it('flushes every file before it gets its name, and the folder after', async () => {
    await withFolder(async (folder) => {
      const source = makeSource(folder, 3);
      fs.writeFileSync(`${source}/big`, Buffer.alloc(9 * 1024 * 1024));
      const names = new Map<number, string>();
      const happened: string[] = [];
      const {openSync, fsyncSync, renameSync} = fs;
      const {open} = fs.promises;
      vi.spyOn(fs, 'openSync').mockImplementation((file, ...rest) => {
        const descriptor = openSync(file, ...rest);
        names.set(descriptor, String(file));
        return descriptor;
      });
      vi.spyOn(fs.promises, 'open').mockImplementation(async (file, ...rest) => {
        const handle = await open(file, ...rest);
        const sync = handle.sync.bind(handle);
        handle.sync = () => {
          happened.push(`flush ${String(file)}`);
          return sync();
        };
        return handle;
      });
      vi.spyOn(fs, 'fsyncSync').mockImplementation((descriptor) => {
        happened.push(`flush ${names.get(descriptor)}`);
        fsyncSync(descriptor);
      });
      vi.spyOn(fs, 'renameSync').mockImplementation((from, to) => {
        happened.push(`name ${String(from)} ${String(to)}`);
        renameSync(from, to);
      });
      await snap(folder, source);
      vi.restoreAllMocks();
      const named = happened.filter((line) => line.startsWith('name ') && !line.includes('/index/'));
      expect(named.map((line) => path.relative(`${folder}/store`, line.split(' ')[2] ?? '').split('/')[0])).toEqual([
        'format',
        'objects',
        'packs',
        'packs',
        'snapshots',
        'records',
      ]);
      for (const line of named) {
        const [, from = '', to = ''] = line.split(' ');
        const at = happened.indexOf(line);
        expect(happened.slice(0, at)).toContain(`flush ${from}`);
        expect(happened[at + 1]).toBe(`flush ${path.dirname(to)}`);
      }
    });
  });

  it('and another at the same time into the same new store both succeed', async () => {
    await withFolder(async (folder) => {
      const source = makeSource(folder, 300);
      const saved = await Promise.all([1, 2, 3, 4].map((app) => snap(folder, source, {app: `app${app}`})));
      expect(new Set(saved.map(({record}) => record.id)).size).toBe(1);
      const store = openStore(folder);
      expect(await store.list()).toHaveLength(4);
      expect(await store.verify(undefined, never)).toEqual([]);
      expect(listTemporaries(`${folder}/store`)).toEqual([]);
    });
  });

  it('and another in another process at the same time both succeed', async () => {
    await withFolder(async (folder) => {
      const source = makeSource(folder, 300);
      await Promise.all([1, 2, 3].map(() => run(process.execPath, ['--import', 'tsx', program, source, `${folder}/store`, '1000000'])));
      const store = openStore(folder);
      expect(await store.list()).toHaveLength(1);
      expect(await store.verify(undefined, never)).toEqual([]);
    });
  }, 300_000);

  it('that is aborted leaves nothing behind', async () => {
    await withFolder(async (folder) => {
      const source = makeSource(folder, 2000);
      const controller = new AbortController();
      const saving = snap(folder, source, {signal: controller.signal});
      setImmediate(() => controller.abort(new Error('enough')));
      await expect(saving).rejects.toThrow('enough');
      expect(await openStore(folder).list()).toEqual([]);
      expect(fs.existsSync(`${folder}/store`) ? listTemporaries(`${folder}/store`) : []).toEqual([]);
    });
  });

  it('removes what dead processes left, and what is older than a day, not what somebody may be writing', async () => {
    await withFolder(async (folder) => {
      const source = makeSource(folder, 1);
      await snap(folder, source);
      const {nameTemporary} = await import('../../src/lib/snapshot/durable-file.js');
      const own = nameTemporary(`${folder}/store/packs`);
      const dead = own.replace(`-${process.pid}-`, '-4194999-');
      const foreign = own.replace(/\.tmp-[0-9a-f]{12}/, '.tmp-000000000000');
      const old = foreign.replace('000000000000-', '000000000001-');
      for (const file of [own, dead, foreign, old]) fs.writeFileSync(file, '');
      fs.utimesSync(old, new Date('2020-01-01'), new Date('2020-01-01'));
      await snap(folder, source);
      expect([own, dead, foreign, old].map((file) => fs.existsSync(file))).toEqual([true, false, true, false]);
    });
  });
});
