import {spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {readlinkSync} from 'node:fs';
import {lstat, mkdir, readdir, readFile, rm, symlink, writeFile} from 'node:fs/promises';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {isRoot, listIncoming, readTree, Site} from './verb-site.js';

const sh = (script: string, ...words: readonly string[]): {status: number | null; said: string} => {
  const {status, stdout, stderr} = spawnSync('sh', ['-ec', script, 'sh', ...words], {encoding: 'utf8'});
  return {status, said: stdout + stderr};
};
const has = (program: string): boolean => sh('command -v "$1"', program).status === 0;
const canMount = isRoot && sh('d=$(mktemp -d); mount -t tmpfs none "$d" && umount "$d"; rmdir "$d"').status === 0;

/** Text that hardly compresses. */
const noise = (length: number): string => {
  let text = '';
  for (let seed = 1; text.length < length; seed = (seed * 48_271) % 0x7fffffff) text += seed.toString(36);
  return text.slice(0, length);
};

describe('a host in trouble', () => {
  let site: Site;
  beforeEach(async () => {
    site = await Site.make();
  });
  afterEach(async () => {
    sh('while umount "$1" 2>/dev/null; do :; done; chattr -R -i -a "$1" 2>/dev/null || true', site.root);
    await site.remove();
  });
  const mountRoot = (options: string): void =>
    expect(sh('mount -t tmpfs -o "$2" none "$1"', site.root, `mode=755,${options}`).status).toBe(0);

  it.runIf(canMount)('C3: refuses a delta for which there is no room before a byte of it is sent, by the sizes', async () => {
    mountRoot('size=72m');
    const small = await site.stage({a: '1'});
    const id = await site.snapshot({a: '1', big: noise(9_000_000)});
    await expect(site.send(id, {base: small})).rejects.toMatchObject({
      failure: 'no-space',
      code: 'refused',
      message: expect.stringMatching(/not enough space below .*: \d+ MiB free, \d+ MiB needed/) as string,
    });
    expect((await listIncoming(site)).filter((name) => name.endsWith('.delta'))).toEqual([]);
    expect((await site.app.readState()).releases).toEqual([small]);
  });

  it.runIf(canMount)(
    'C3: a disk that fills while it unpacks leaves the old release as it was, and takes the new one once there is room',
    async () => {
      mountRoot('size=90m');
      const old = await site.stage({a: '1'});
      const id = await site.snapshot({a: '2', big: noise(9_000_000)});
      const delta = await site.delta(old, id);
      const request = site.request(delta);
      await site.app.stageOpen(request);
      await writeFile(site.at('.drover', 'incoming', `${id.slice(0, 16)}-${delta.digest.slice(0, 16)}.delta`), await readFile(delta.path));
      sh('cat /dev/zero >"$1" 2>/dev/null || true; truncate -s -4M "$1"', site.at('filler'));
      await expect(site.app.stageCommit(request, {})).rejects.toMatchObject({failure: 'no-space'});
      await site.app.verify(old);
      expect((await site.app.readState()).releases).toEqual([old]);
      expect((await listIncoming(site)).filter((name) => name.endsWith('.tree'))).toEqual([]);
      await rm(site.at('filler'));
      await site.app.stageCommit(request, {});
      await site.app.verify(id);
    },
  );

  it.runIf(canMount)('C4: says inodes when it is inodes that lack', async () => {
    mountRoot('size=200m,nr_inodes=150');
    const id = await site.snapshot(Object.fromEntries(Array.from({length: 60}, (_, index) => [`f${index}`, 'x'])));
    await expect(site.send(id)).rejects.toMatchObject({failure: 'no-space', message: expect.stringMatching(/not enough inodes/) as string});
  });

  it.runIf(canMount)('C6: a root that became read-only is refused by its name, and what was live stays', async () => {
    mountRoot('size=90m');
    const old = await site.stage({a: '1'});
    await site.deploy('run-1', undefined, old);
    const id = await site.snapshot({a: '2'});
    expect(sh('mount -o remount,ro "$1"', site.root).status).toBe(0);
    await expect(site.send(id, {base: old})).rejects.toMatchObject({
      failure: 'disk',
      message: expect.stringContaining(site.root) as string,
    });
    expect(await site.live()).toBe(old);
    sh('mount -o remount,rw "$1"', site.root);
    await site.send(id, {base: old});
    await site.app.verify(id);
  });

  it('C7: a `current` that is a folder, dangles, is absolute, loops or leads out is refused and left alone', async () => {
    const id = await site.stage({a: '1'});
    const plants: Record<string, () => Promise<unknown>> = {
      folder: () => mkdir(site.at('current')),
      absolute: () => symlink(site.at('releases', id), site.at('current')),
      loop: () => symlink('current', site.at('current')),
      out: () => symlink('../elsewhere', site.at('current')),
      dangling: () => symlink(`releases/${'0'.repeat(64)}`, site.at('current')),
    };
    for (const [name, plant] of Object.entries(plants)) {
      await plant();
      const before = await lstat(site.at('current'));
      expect((await site.app.readState()).unsafe, name).toContain(site.at('current'));
      await expect(site.deploy('run-1', undefined, id), name).rejects.toMatchObject({code: 'refused'});
      expect((await lstat(site.at('current'))).ino, name).toBe(before.ino);
      await rm(site.at('current'), {recursive: true});
    }
  });

  it.runIf(isRoot && has('chattr'))(
    'C9: a release or a folder that may not be changed is reported with its path, and nothing half made stays',
    async () => {
      if (sh('chattr +i "$1" && chattr -i "$1"', site.root).status !== 0) return;
      const old = await site.stage({a: '1'});
      const id = await site.snapshot({a: '2', b: '1'});
      for (const sign of ['i', 'a']) {
        expect(sh(`chattr +${sign} "$1"`, site.at('releases')).status).toBe(0);
        if (sign === 'i') {
          await expect(site.send(id, {base: old})).rejects.toMatchObject({
            failure: 'disk',
            message: expect.stringContaining(site.at('releases')) as string,
          });
        } else {
          await site.send(id, {base: old}).catch(() => undefined);
        }
        sh(`chattr -${sign} "$1"`, site.at('releases'));
        const {releases} = await site.app.readState();
        for (const release of releases) await site.app.verify(release);
        if (releases.includes(id)) await site.app.discard(id);
      }
      await site.send(id, {base: old});
      await site.app.verify(id);
    },
  );

  it('C11: removing old releases while others are staged from them never takes one that is in use', async () => {
    const ids = [await site.stage({version: '0', same: 'x'})];
    await site.deploy('run-0', undefined, ids[0] as string);
    for (let version = 1; version <= 4; version += 1) {
      const id = await site.snapshot({version: `${version}`, same: 'x'});
      const base = ids.at(-1) as (typeof ids)[number];
      const [sent] = await Promise.allSettled([site.send(id, {base}), site.app.prune(2, [base]), site.app.prune(2, [base])]);
      expect(sent.status, String((sent as PromiseRejectedResult).reason)).toBe('fulfilled');
      const {releases, live} = await site.app.readState();
      expect(releases).toEqual(expect.arrayContaining([id, base, live]));
      for (const release of releases) await site.app.verify(release);
      ids.push(id);
    }
  });

  it('C12: a release that a process stands in can be removed, and is not the one before the live one', async () => {
    const [a, b, c] = [await site.stage({name: 'a'}), await site.stage({name: 'b'}), await site.stage({name: 'c'})];
    await site.deploy('run-1', undefined, a);
    await site.deploy('run-2', a, b);
    await site.deploy('run-3', b, c);
    const process = spawn('cat', [], {cwd: site.at('releases', a), stdio: ['pipe', 'ignore', 'ignore']});
    await once(process, 'spawn');
    expect(await site.app.prune(2, [])).toEqual([a]);
    expect([...(await site.app.readState()).releases].sort()).toEqual([b, c].sort());
    expect(readlinkSync(`/proc/${process.pid}/cwd`)).toContain('(deleted)');
    process.stdin.end();
    await once(process, 'exit');
  });

  it.runIf(canMount)('C13: stages and deploys where nothing below the root may be run', async () => {
    mountRoot('size=90m,noexec,nosuid,nodev');
    const a = await site.stage({'bin/run': {mode: 0o755, text: '#!/bin/sh\n'}});
    await site.deploy('run-1', undefined, a);
    expect(await site.live()).toBe(a);
  });

  it.runIf(isRoot && has('setfacl'))('C14: a default ACL of the root leaves the modes of the manifest', async () => {
    if (sh('setfacl -d -m u:nobody:rwx,g::rwx,o::rwx "$1"', site.root).status !== 0) return;
    const spec = {'a/f': 'x', 'a/run': {mode: 0o755, text: 'y'}, b: {mode: 0o700}};
    const base = await site.stage(spec);
    const id = await site.stage({...spec, 'a/f': 'z', 'c/d': 'new'}, {base});
    expect(await readTree(site.at('releases', base))).toEqual({a: '555/', 'a/f': '444 x', 'a/run': '555 y', b: '500/'});
    expect(await readTree(site.at('releases', id))).toEqual({
      a: '555/',
      'a/f': '444 z',
      'a/run': '555 y',
      b: '500/',
      c: '555/',
      'c/d': '444 new',
    });
    await site.app.verify(id);
  });

  it('E9: empty files, empty folders and a file of holes arrive, and holes hardly travel', async () => {
    const source = `${site.folder}/source`;
    await mkdir(`${source}/empty/inner`, {recursive: true});
    await writeFile(`${source}/nothing`, '');
    sh('truncate -s 300M "$1"', `${source}/holes`);
    const id = await site.snapshotOf(source);
    const delta = await site.delta(undefined, id);
    expect(delta.bytes).toBeLessThan(1024 * 1024);
    await site.send(id);
    const at = site.at('releases', id);
    expect([(await lstat(`${at}/holes`)).size, (await lstat(`${at}/nothing`)).size]).toEqual([300 * 1024 * 1024, 0]);
    expect(await readdir(`${at}/empty/inner`)).toEqual([]);
    await site.app.verify(id);
  }, 300_000);
});
