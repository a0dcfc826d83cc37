import {execFile, spawnSync} from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import {describe, expect, it} from 'vitest';
import {withFolder} from '../snapshot/fixture.js';
import {listFiles, makeSource} from '../snapshot/store-fixture.js';
import {program} from './drover.js';

const canTrace = spawnSync('strace', ['-f', '-qq', '-o', '/dev/null', 'true']).status === 0;
const reads = 'read,pread64,readv,preadv';

interface Ended {
  readonly status: number;
  readonly said: string;
  /** Reads that failed. */
  readonly hits: number;
}

/** Runs drover where every read of `file` fails; of no file where it is left out. */
function drover(folder: string, words: readonly string[], file?: string): Promise<Ended> {
  const note = path.join(folder, 'strace');
  const fault = file === undefined ? [] : ['-P', file, '-e', `trace=${reads}`, '-e', `inject=${reads}:error=EIO`];
  const command = ['-f', '-qq', '-o', note, ...fault, process.execPath, program, ...words];
  const env = {PATH: process.env.PATH, HOME: folder, LANG: 'C.UTF-8'};
  return new Promise((resolve) => {
    execFile('strace', command, {cwd: folder, env}, (error, stdout, stderr) => {
      const hits = fs.readFileSync(note, 'utf8').split('(INJECTED)').length - 1;
      resolve({status: error === null ? 0 : Number(error.code), said: stderr + stdout, hits});
    });
  });
}

/** A project with a snapshot of small files and a large one, for one host that is a folder. */
async function makeProject(folder: string): Promise<(kind: string) => string> {
  const source = makeSource(folder, 20);
  fs.writeFileSync(`${source}/large`, Buffer.alloc(9_000_000, 'large'));
  fs.writeFileSync(
    `${folder}/drover.yml`,
    `inventory: inventory.yml\napps:\n  site: {source: ./source, root: ${folder}/host, hosts: "role:web"}\n`,
  );
  fs.writeFileSync(`${folder}/inventory.yml`, 'hosts:\n  web1: {silo: eu, role: web}\nssh: {link: local}\n');
  expect((await drover(folder, ['snapshot'])).status).toBe(0);
  return (kind) => {
    const [found] = listFiles(`${folder}/.drover/store`).filter((file) => file.includes(`/store/${kind}`) && !file.endsWith('.idx'));
    if (found === undefined) throw new Error(`the store has no ${kind}`);
    return found;
  };
}

describe.skipIf(!canTrace)('C5: an input/output error while reading', {timeout: 300_000}, () => {
  it.each([
    ['snapshots', 'a manifest'],
    ['records', 'a record'],
  ])('%s: %s is named, nothing is sent, and all is well once the disk is', async (kind) => {
    await withFolder(async (folder) => {
      const file = (await makeProject(folder))(kind);
      const failed = await drover(folder, ['push', '--all', '--trust-inventory'], file);
      expect(failed).toMatchObject({
        status: 3,
        said: expect.stringContaining(`${file} cannot be read: input/output error (EIO)`),
      });
      expect(failed.hits).toBeGreaterThan(0);
      expect(fs.existsSync(`${folder}/host/releases`)).toBe(false);
      const verified = await drover(folder, ['snapshot', 'verify'], file);
      expect(verified).toMatchObject({status: 9, said: expect.stringContaining(`unreadable: ${kind}/`)});
      expect((await drover(folder, ['push', '--all', '--trust-inventory'])).status).toBe(0);
    });
  });

  it.each([
    ['objects', '"large"', 'large'],
    ['packs', 'small files', ''],
  ])('%s: what cannot be given is named, no half delta or release is left, and the next snapshot mends it', async (kind, _what, name) => {
    await withFolder(async (folder) => {
      const file = (await makeProject(folder))(kind);
      const failed = await drover(folder, ['push', '--all', '--trust-inventory'], file);
      expect(failed).toMatchObject({status: 9, said: expect.stringMatching(/object [0-9a-f]{12}: it is unreadable; quarantined/)});
      expect(failed.hits).toBeGreaterThan(0);
      expect(fs.existsSync(`${folder}/host/releases`) ? fs.readdirSync(`${folder}/host/releases`) : []).toEqual([]);
      expect(listFiles(`${folder}/.drover/store/deltas`)).toEqual([]);
      expect((await drover(folder, ['snapshot', 'verify'])).said).toContain(name);
      expect((await drover(folder, ['snapshot'])).status).toBe(0);
      expect((await drover(folder, ['push', '--all', '--trust-inventory'])).status).toBe(0);
      expect((await drover(folder, ['snapshot', 'verify'])).status).toBe(0);
    });
  });

  it.each(['large', '7'])('a source file (%s) is named as that, not as the store, and no snapshot is taken', async (name) => {
    await withFolder(async (folder) => {
      await makeProject(folder);
      const file = `${folder}/source/${name}`;
      fs.utimesSync(file, new Date(), new Date());
      const failed = await drover(folder, ['snapshot'], file);
      expect(failed).toMatchObject({status: 3, said: expect.stringContaining(`"${name}" in ${folder}/source cannot be read (EIO)`)});
      expect(failed.hits).toBe(1);
      expect(listFiles(`${folder}/.drover/store`).filter((each) => path.basename(each).startsWith('.tmp-'))).toEqual([]);
      expect((await drover(folder, ['snapshot'])).status).toBe(0);
    });
  });
});
