import {readdirSync, readlinkSync} from 'node:fs';
import {setImmediate as turn} from 'node:timers/promises';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {rigAvailable} from './available.js';
import {ContentRig, files, web} from './content-rig.js';
import type {Finished} from './finished.js';

const available = rigAvailable();

describe.skipIf(!available.ok).each(['ssh', 'openssh'])('content shared out among hosts with real sshd, over %s', (link) => {
  let content: ContentRig;
  const drover = (...words: string[]): Promise<Finished> => content.drover(...words);
  const configure = (hosts: string): Promise<void> =>
    content.configure(
      `parts: {source: ./content, root: /srv/parts, hosts: "${hosts}", partitions: {by: hash, count: 32, copies: 2, depth: 2, within: all}, roll: {waves: [1, 100%], floor: 0}}`,
    );

  beforeAll(async () => {
    content = await ContentRig.start(link, '/srv/parts');
  });
  afterAll(async () => {
    await content?.rig.stop();
  });

  function listLive(host: string): ReadonlySet<string> {
    const root = `${content.rig.hostRoot(host)}/srv/parts`;
    try {
      const release = `${root}/${readlinkSync(`${root}/current`)}`;
      return new Set(readdirSync(release, {recursive: true, encoding: 'utf8'}));
    } catch {
      return new Set();
    }
  }

  /** How many hosts serve the file that the fewest serve. */
  function countCopies(): number {
    const held = web.map(listLive);
    return Math.min(...files.map((file) => held.filter((names) => names.has(file)).length));
  }

  it('a host may not give up what the one that is to take it over does not serve yet', async () => {
    await configure('role:web!web4');
    await drover('snapshot');
    const first = await drover('deploy', '--all', '--yes');
    expect(first.status, first.stderr).toBe(0);
    expect(countCopies()).toBe(2);

    await configure('role:web');
    const refused = await drover('deploy', '--hosts', 'web[1-3]', '--yes');
    expect(refused.status, refused.stderr).toBe(4);
    expect(refused.stderr).toMatch(/web[1-3] cannot give up what .* 2 others must serve it first.*drover deploy parts --hosts web4/);
    expect(countCopies()).toBe(2);
  });

  it('a host that is added takes its share over, and every file keeps its two copies at every moment', async () => {
    let ended: Finished | undefined;
    const deploying = drover('deploy', '--all', '--yes').then((end) => {
      ended = end;
    });
    let [looks, short, longestShort] = [0, 0, 0];
    while (ended === undefined) {
      short = countCopies() < 2 ? short + 1 : 0;
      longestShort = Math.max(longestShort, short);
      looks += 1;
      await turn();
    }
    await deploying;
    expect(ended.status, ended.stderr).toBe(0);
    // Hosts are looked at one after another, so that one look may see the old of one and the new of the other.
    expect(longestShort).toBeLessThan(3);
    expect(looks).toBeGreaterThan(20);
    expect(listLive('web4').size).toBeGreaterThan(0);
    expect(files.filter((file) => web.filter((host) => listLive(host).has(file)).length !== 2)).toEqual([]);
  });
});
