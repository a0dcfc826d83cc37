import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {DroverError} from '../../src/lib/errors/drover-error.js';
import type {HostState} from '../../src/lib/host/host-state.js';
import {BucketShelf} from '../../src/lib/operations/bucket-shelf.js';
import type {Delta, Store} from '../../src/lib/snapshot/store.js';
import {patiently} from '../host/some-host.js';
import {Site} from '../host/verb-site.js';

describe('BucketShelf', () => {
  const sites: Site[] = [];
  beforeEach(async () => {
    for (let count = 0; count < 2; count += 1) sites.push(await Site.make());
  });
  afterEach(() => Promise.all(sites.splice(0).map((each) => each.remove())));

  /** Brings the same tree to two hosts; what was said, and how often the bucket was asked. */
  async function bringTwice(share: NonNullable<Store['share']>, tools: readonly string[]): Promise<readonly string[]> {
    const said: string[] = [];
    const emit = async (event: Parameters<ConstructorParameters<typeof BucketShelf>[0]['emit']>[0]): Promise<void> => {
      if (event.kind === 'warning') said.push(event.message);
    };
    const shelf = new BucketShelf({emit: emit as never, signal: patiently}, {share});
    for (const site of sites) {
      const delta: Delta = await site.delta(undefined, await site.snapshot({a: 'b'}));
      const options = {host: site.app, delta, unpackedBytes: delta.unpackedBytes, links: {}, onProgress: () => undefined};
      const state: HostState = {...(await site.app.readState()), tools: new Set(tools)};
      expect(await shelf.bring(state, options)).toMatchObject({kind: 'staged'});
      await site.app.verify(delta.snapshot);
    }
    return said;
  }

  it('sends straight to hosts without curl, uploads nothing for them, and says so once', async () => {
    const refuse = (): Promise<never> => Promise.reject(new Error('nobody may ask'));
    expect(await bringTwice(refuse, ['zstd'])).toEqual(['curl is missing on this host: sending straight instead of through the bucket']);
  });

  it('sends straight when the bucket does not take the delta, asks it once, and says why', async () => {
    let asked = 0;
    const refuse = (): Promise<never> => {
      asked += 1;
      return Promise.reject(new DroverError({code: 'authentication', message: 's3://releases: AccessDenied'}));
    };
    expect(await bringTwice(refuse, ['curl'])).toEqual([
      'the delta cannot be uploaded: s3://releases: AccessDenied: sending straight instead of through the bucket',
    ]);
    expect(asked).toBe(1);
  });
});
