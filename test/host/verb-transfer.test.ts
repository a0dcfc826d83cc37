import {lstat, readFile} from 'node:fs/promises';
import path from 'node:path';
import {Readable} from 'node:stream';
import {describe, expect, it} from 'vitest';
import {isRoot, Site} from './verb-site.js';

describe('staging', () => {
  it('says what is missing, and names neither release nor part that nobody sent', async () => {
    const site = await Site.make();
    const id = await site.snapshot({x: '1'});
    const other = await site.snapshot({x: '2'});
    await expect(site.app.verify(id)).rejects.toMatchObject({failure: 'missing'});
    await expect(site.app.stageCommit(site.request(await site.delta(undefined, id)), {})).rejects.toMatchObject({failure: 'missing'});
    await expect(site.app.stageOpen(site.request(await site.delta(other, id)))).rejects.toMatchObject({failure: 'missing'});
    await site.remove();
  });

  it.skipIf(!isRoot)('refuses a release that does not fit, before a byte is sent', async () => {
    const site = await Site.make();
    const delta = await site.delta(undefined, await site.snapshot({x: '1'}));
    const request = {...site.request(delta), unpackedBytes: 10 ** 15};
    await expect(site.app.stageOpen(request)).rejects.toMatchObject({failure: 'no-space', message: expect.stringContaining('MiB free')});
    await site.remove();
  });

  it('keeps times that tell web servers that a file has changed', async () => {
    const site = await Site.make();
    const base = await site.stage({x: '1', y: '1'});
    const {mtimeMs} = await lstat(site.at('releases', base, 'x'));
    expect(Date.now() - mtimeMs).toBeLessThan(60_000);
    const id = await site.stage({x: '2', y: '1'}, {base});
    expect((await lstat(site.at('releases', id, 'y'))).mtimeMs).toBe((await lstat(site.at('releases', base, 'y'))).mtimeMs);
    expect((await lstat(site.at('releases', id, 'x'))).mtimeMs).toBeGreaterThan(mtimeMs);
    await site.remove();
  });

  it('ends a transfer whose link died without a word, and no other', async () => {
    const site = await Site.make();
    const id = await site.snapshot({big: 'x'.repeat(200_000)});
    const delta = await site.delta(undefined, id);
    const request = site.request(delta);
    await site.app.stageOpen(request);
    const mute = new Readable({read: () => undefined});
    mute.push(Buffer.from('begin'));
    const dead = site.app.stagePut(request, 0, mute, {idleMs: 60_000, totalMs: 60_000}).catch((error: Error) => error.message);
    while (
      (await readFile(path.join(site.at('.drover', 'incoming'), `${id.slice(0, 16)}-${delta.digest.slice(0, 16)}.delta`), 'utf8').catch(
        () => '',
      )) === ''
    )
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await site.app.stageOpen(request)).toMatchObject({kind: 'part', bytes: 5});
    expect(await dead).toContain('killed by SIGKILL');
    expect(await site.send(id)).toMatchObject({kind: 'staged'});
    await site.remove();
  }, 300_000);
});
