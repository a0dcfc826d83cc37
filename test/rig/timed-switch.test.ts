import {readlinkSync} from 'node:fs';
import {writeFile} from 'node:fs/promises';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {rigAvailable} from './available.js';
import {ContentRig, web} from './content-rig.js';
import type {Finished} from './finished.js';

const available = rigAvailable();

describe.skipIf(!available.ok).each(['ssh', 'openssh'])('hosts with real sshd, over %s', (link) => {
  let content: ContentRig;
  const drover = (...words: string[]): Promise<Finished> => content.drover(...words);
  const inside = (host: string, script: string): Promise<string> => content.inside(host, script);

  beforeAll(async () => {
    content = await ContentRig.start(link, '/srv/timed');
    await content.configure('timed: {source: ./content, root: /srv/timed, hosts: role:web, roll: {waves: [100%], confirm: 2m}}');
    await drover('snapshot', 'timed');
    expect((await drover('deploy', 'timed', '--all', '--yes')).status).toBe(0);
  });
  afterAll(async () => {
    await content?.rig.stop();
  });

  const live = (root: string): string[] =>
    web.map((host) => readlinkSync(`${content.rig.hostRoot(host)}${root}/current`).replace('releases/', ''));
  const snapshot = async (text: string): Promise<string> => {
    await writeFile(content.at('content', 'd0', 'page-0.html'), text);
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
