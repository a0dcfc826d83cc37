import {mkdir, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {afterEach, describe, expect, it} from 'vitest';
import {rigAvailable} from './available.js';
import {collect} from './finished.js';
import {restartCommand} from './host-files.js';
import {type Rig, startRig} from './rig.js';
import {writeSite} from './site.js';
import {startTraffic} from './traffic.js';

const available = rigAvailable();
const program = fileURLToPath(new URL('../../bin/run.js', import.meta.url));
const kinds = [
  {software: 'haproxy', drain: '{haproxy: {socket: /run/haproxy/admin.sock, backend: web}, wait: 10s, then: close}'},
  {
    software: 'nginx',
    drain:
      '{nginx: {upstream: web, file: /home/deploy/upstreams/web.conf, pid: /run/nginx/nginx.pid, test: nginx -t -e /run/nginx/error.log, reload: nginx -s reload -e /run/nginx/error.log}, wait: 10s, then: close}',
  },
  {
    software: 'varnish',
    drain: '{varnish: {admin: varnishadm -n /run/varnish/site, stat: varnishstat -n /run/varnish/site}, wait: 10s, then: close}',
  },
] as const;

describe.skipIf(!available.ok)(`deploys under traffic${available.ok ? '' : ` (${available.why})`}`, () => {
  let rig: Rig | undefined;

  afterEach(async () => {
    await rig?.stop();
    rig = undefined;
  });

  it.each(kinds)('fail no request through two balancers with $software, in a deploy and a rollback', async ({software, drain}) => {
    const fleet = await startRig({
      hosts: 4,
      balancers: 2,
      silos: ['eu'],
      software,
      perHost: {web2: {shell: 'fish'}, web3: {userland: 'busybox', shell: 'sh'}, lb2: {shell: 'tcsh'}},
    });
    rig = fleet;
    const project = path.join(fleet.dir, 'project');
    await mkdir(project, {recursive: true});
    await writeFile(path.join(project, 'inventory.yml'), fleet.inventoryYaml({link: 'ssh'}));
    await writeFile(
      path.join(project, 'drover.yml'),
      `inventory: inventory.yml
apps:
  site:
    source: ./content
    root: /srv/site
    hosts: role:web
    restart: ${restartCommand}
    roll: {waves: [1, 100%], floor: 50%, budget: 0, soak: 0s, confirm: 60s}
    drain: ${drain}
    health: [{http: /healthz, port: 80, version: x-release, timeout: 5s, interval: 200ms, rise: 1, deadline: 20s}]
`,
    );
    const drover = async (...words: string[]): Promise<{status: number | null; said: string}> => {
      const child = fleet.operator.spawn([process.execPath, program, ...words], {cwd: project});
      const ended = await collect(child, {timeoutMs: 180_000});
      return {status: ended.status, said: ended.stdout + ended.stderr};
    };
    const release = async (mark: string): Promise<void> => {
      await writeSite(path.join(project, 'content'), {mark});
      expect(await drover('snapshot')).toEqual({status: 0, said: expect.any(String)});
      expect(await drover('deploy', '--all', '--yes', '--reason', mark)).toEqual({status: 0, said: expect.any(String)});
    };
    await release('before');
    const traffic = startTraffic({rig: fleet, rate: 60, paths: ['/', '/pages/1.html']});
    await traffic.waitFor((sample) => sample.status === 200, 20_000);
    await release('after');
    await traffic.waitFor((sample) => sample.mark === 'after', 20_000);
    expect(await drover('rollback', '--all', '--yes')).toEqual({status: 0, said: expect.any(String)});
    const report = await traffic.stop();
    expect(report.failed).toEqual([]);
    expect(report.mixed).toEqual([]);
    expect(report.requests).toBeGreaterThan(200);
    expect(Object.keys(report.byRelease)).toHaveLength(2);
    expect(new Set(report.samples.map(({balancer}) => balancer))).toEqual(new Set(['lb1', 'lb2']));
    if (software !== 'nginx') return;
    const left = await fleet.exec('lb1', ['cat', '/home/deploy/upstreams/web.conf']);
    expect(left.stdout).toMatch(/^# The web hosts\.\n(server web\d:80 max_fails=0; # [\d.]+\n){4}$/);
  });
});
