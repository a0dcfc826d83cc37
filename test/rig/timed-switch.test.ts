import {readlinkSync} from 'node:fs';
import {mkdir, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {rigAvailable} from './available.js';
import type {Finished} from './finished.js';
import {type Rig, startRig} from './rig.js';

const program = fileURLToPath(new URL('../../bin/run.js', import.meta.url));
const web = ['web1', 'web2', 'web3', 'web4'];
const files = Array.from({length: 60}, (_, index) => `d${index % 12}/page-${index}.html`);

const available = rigAvailable();

describe.skipIf(!available.ok).each(['ssh', 'openssh'])('hosts with real sshd, over %s', (link) => {
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
    await writeFile(
      path.join(project, 'drover.yml'),
      `inventory: inventory.yml
apps:
  timed: {source: ./content, root: /srv/timed, hosts: role:web, roll: {waves: [100%], confirm: 2m}}
`,
    );
    for (const host of web) await inside(host, 'install -d -o deploy /srv/timed || { mkdir -p /srv/timed; chown deploy /srv/timed; }');
    await drover('snapshot', 'timed');
    expect((await drover('deploy', 'timed', '--all', '--yes')).status).toBe(0);
  });
  afterAll(async () => {
    await rig?.stop();
  });

  const drover = (...words: string[]): Promise<Finished> =>
    rig.operator.exec([process.execPath, program, ...words], {cwd: project, timeoutMs: 180_000});
  const inside = async (host: string, script: string): Promise<string> =>
    (await rig.exec(host, ['/usr/bin/dash', '-c', script])).stdout.trim();
  const live = (root: string): string[] => web.map((host) => readlinkSync(`${rig.hostRoot(host)}${root}/current`).replace('releases/', ''));
  const snapshot = async (text: string): Promise<string> => {
    await writeFile(path.join(project, 'content', 'd0', 'page-0.html'), text);
    return (await drover('snapshot', 'timed')).stdout.trim();
  };
  const at = (...more: string[]): Promise<Finished> =>
    drover('deploy', 'timed', '--all', '--yes', '--at', '+30s', '--wave-gap', '0s', ...more);

  it('deploy --at switches all hosts of a wave within a second of one another, after all have prepared', async () => {
    const id = await snapshot('timed');
    const ended = await at('--json');
    expect(ended.status, ended.stderr).toBe(0);
    const told = JSON.parse(ended.stdout) as {switches: {hosts: number; spreadMs: number}[]};
    expect(told.switches).toMatchObject([{hosts: 4}]);
    expect(live('/srv/timed')).toEqual(web.map(() => id));
    const moments = await Promise.all(
      web.map(async (host) =>
        Number(await inside(host, `sed -n 's/.* switched-at \\([0-9]*\\) .*/\\1/p' /srv/timed/.drover/journal | tail -n 1`)),
      ),
    );
    expect(Math.max(...moments) - Math.min(...moments)).toBeLessThan(1000);
    for (const host of web) {
      const journal = await inside(host, "awk '{print $4}' /srv/timed/.drover/journal | tail -n 12 | tr '\\n' ' '");
      expect(journal.indexOf('staged'), journal).toBeLessThan(journal.indexOf('switched-at'));
    }
  });

  it('deploy --at is refused, and nobody switches, when the clock of a host is off', async () => {
    const before = live('/srv/timed');
    await snapshot('a clock is off');
    await inside(
      'web4',
      `cp /usr/bin/date /srv/date.real && printf '#!/bin/sh\\nexec /srv/date.real -d "+90 seconds" "$@"\\n' >/srv/date && chmod 755 /srv/date /srv/date.real && mount --bind /srv/date /usr/bin/date`,
    );
    const ended = await at();
    await inside('web4', 'umount /usr/bin/date');
    expect(ended.status, ended.stderr).toBe(4);
    expect(ended.stderr).toMatch(/web4.*clock/);
    expect(live('/srv/timed')).toEqual(before);
  });

  it('deploy --at switches nobody when a host cannot prepare', async () => {
    const before = live('/srv/timed');
    await snapshot('a host cannot');
    await inside('web2', 'chown root /srv/timed/releases');
    const ended = await at();
    await inside('web2', 'chown deploy /srv/timed/releases');
    expect(ended.status).not.toBe(0);
    expect(ended.stderr).toMatch(/web2.*belongs to another user/);
    expect(live('/srv/timed')).toEqual(before);
  });
});
