import {readdirSync, readlinkSync} from 'node:fs';
import {mkdir, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {setImmediate as turn} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {rigAvailable} from './available.js';
import type {Finished} from './finished.js';
import {type Rig, startRig} from './rig.js';

const program = fileURLToPath(new URL('../../bin/run.js', import.meta.url));
const web = ['web1', 'web2', 'web3', 'web4'];
const files = Array.from({length: 60}, (_, index) => `d${index % 12}/page-${index}.html`);

const available = rigAvailable();

describe.skipIf(!available.ok).each(['ssh', 'openssh'])('content shared out among hosts with real sshd, over %s', (link) => {
  let rig: Rig;
  let project: string;

  beforeAll(async () => {
    rig = await startRig({hosts: 4, perHost: {web2: {shell: 'fish', rcNoise: true}, web3: {shell: 'sh', userland: 'busybox'}}});
    project = path.join(rig.dir, 'project');
    for (const file of files) {
      await mkdir(path.dirname(path.join(project, 'content', file)), {recursive: true});
      await writeFile(path.join(project, 'content', file), `page ${file}\n`);
    }
    await writeFile(path.join(project, 'inventory.yml'), rig.inventoryYaml({link}));
    const makeRoot = 'install -d -o deploy /srv/parts || { mkdir -p /srv/parts; chown deploy /srv/parts; }';
    for (const host of web) await rig.exec(host, ['/usr/bin/dash', '-c', makeRoot]);
  });
  afterAll(async () => {
    await rig?.stop();
  });

  const drover = (...words: string[]): Promise<Finished> =>
    rig.operator.exec([process.execPath, program, ...words], {cwd: project, timeoutMs: 180_000});

  const configure = (hosts: string): Promise<void> =>
    writeFile(
      path.join(project, 'drover.yml'),
      `inventory: inventory.yml
apps:
  parts: {source: ./content, root: /srv/parts, hosts: "${hosts}", partitions: {by: hash, count: 32, copies: 2, depth: 2, within: all}, roll: {waves: [1, 100%], floor: 0}}
`,
    );

  function listLive(host: string): ReadonlySet<string> {
    const root = `${rig.hostRoot(host)}/srv/parts`;
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
