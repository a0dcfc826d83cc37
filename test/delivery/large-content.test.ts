import {appendFileSync, mkdirSync, truncateSync, writeFileSync} from 'node:fs';
import {mkdtemp, readdir, readFile, rm, stat} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {sendDelta} from '../../src/lib/delivery/send-delta.js';
import type {HostApp} from '../../src/lib/host/host-app.js';
import type {LinkOpener} from '../../src/lib/host/link.js';
import {createLinkOpener} from '../../src/lib/host/open-link.js';
import type {Delta} from '../../src/lib/snapshot/store.js';
import {hostAt, patiently, plainEnv} from '../host/some-host.js';
import {type Sshd, sshdMissing, startSshd} from '../host/sshd.js';
import {Site} from '../host/verb-site.js';
import {writeFiles} from './many-files.js';

/** Takes minutes, and 2 GB below the temporary folder: `npm run prove:delivery`. The contract of every way brings a smaller tree each time. */
describe.runIf(process.env.EVERY_STEP === '1' && sshdMissing === undefined)(
  'E9: large content through a real sshd',
  {timeout: 3_600_000},
  () => {
    let sshd: Sshd;
    let folder: string;
    let opener: LinkOpener;
    let site: Site;
    let app: HostApp;
    beforeAll(async () => {
      [sshd, folder] = [await startSshd(), await mkdtemp(path.join(tmpdir(), 'drover-large-'))];
      opener = createLinkOpener({env: plainEnv(), runtimeDirectory: folder});
      site = await Site.make();
      app = site.appOver(await opener.open(hostAt(sshd), patiently));
    });
    afterAll(async () => {
      await opener?.closeAll();
      await sshd?.stop();
      await site?.remove();
      await rm(folder, {recursive: true, force: true});
    }, 1_800_000);

    const send = (delta: Delta) =>
      sendDelta({host: app, delta, unpackedBytes: delta.unpackedBytes, links: {}, onProgress: () => undefined});
    /** One figure of the campaign, for docs/evidence. */
    async function measure<Result>(what: string, work: () => Promise<Result>): Promise<Result> {
      const startedMs = performance.now();
      const result = await work();
      const line = {what, seconds: Math.round((performance.now() - startedMs) / 100) / 10};
      if (process.env.PROOF_FIGURES !== undefined) appendFileSync(process.env.PROOF_FIGURES, `${JSON.stringify(line)}\n`);
      return result;
    }

    it('brings 100,000 files whole, and of a second release of them what has changed', async () => {
      const source = path.join(site.folder, 'many');
      await writeFiles(source, 100_000);
      const base = await measure('100,000 files: snapshot', () => site.snapshotOf(source));
      const first = await measure('100,000 files: delta', () => site.delta(undefined, base));
      expect(await measure(`100,000 files: push of ${first.bytes} B`, () => send(first))).toMatchObject({kind: 'staged'});
      await measure('100,000 files: verify on the host', () => app.verify(base));
      const files = (await readdir(site.at('releases', base), {recursive: true, withFileTypes: true})).filter((entry) => entry.isFile());
      expect(files).toHaveLength(100_000);

      writeFileSync(path.join(source, '7', '13'), 'changed\n');
      const id = await measure('one file of them changed: snapshot', () => site.snapshotOf(source));
      const second = await measure('one file of them changed: delta', () => site.delta(base, id));
      expect(second.bytes).toBeLessThan(4096);
      await measure(`one file of them changed: push of ${second.bytes} B`, () => send(second));
      await app.verify(id);
      expect(await readFile(site.at('releases', id, '7', '13'), 'utf8')).toBe('changed\n');
    });

    it('brings a file of 5 GB without a byte in it, which hardly travels', async () => {
      const source = path.join(site.folder, 'holes');
      mkdirSync(source);
      writeFileSync(`${source}/holes`, '');
      truncateSync(`${source}/holes`, 5 * 1024 ** 3);
      const id = await measure('5 GB of holes: snapshot', () => site.snapshotOf(source));
      const delta = await measure('5 GB of holes: delta', () => site.delta(undefined, id, 'zstd'));
      expect(delta.bytes).toBeLessThan(8 * 1024 * 1024);
      await measure(`5 GB of holes: push of ${delta.bytes} B`, () => send(delta));
      expect((await stat(site.at('releases', id, 'holes'))).size).toBe(5 * 1024 ** 3);
      await app.verify(id);
    });
  },
);
