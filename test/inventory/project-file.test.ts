// biome-ignore-all lint/suspicious/noThenProperty: the word of drover.yml; these maps are never awaited
import {describe, expect, it} from 'vitest';
import type {App, Probe, WarmSettings} from '../../src/lib/inventory/app.js';
import {loadProject} from '../../src/lib/inventory/project-file.js';
import {withLine} from './one-app-project.js';
import {useTempFolder} from './temp-folder.js';

const folder = useTempFolder();
const {signal} = new AbortController();
const timings = {timeoutMs: 5000, intervalMs: 1000, rise: 2, deadlineMs: 60_000};

async function loadApp(line: string): Promise<App> {
  const {apps} = await loadProject(await folder.write('one.yml', withLine(line)), {signal});
  const [app] = apps.values();
  if (!app) throw new Error('no app');
  return app;
}

describe('loadProject()', () => {
  it('reads partitions, by path and by hash, and fills in what is not said', async () => {
    expect(
      (await loadApp('partitions: {by: path, copies: 2, rules: [{paths: [de/**], hosts: silo:eu}, {paths: ["**"], hosts: none}]}'))
        .partitions,
    ).toEqual({
      kind: 'path',
      copies: 2,
      rules: [{paths: ['de/**'], hosts: 'silo:eu'}, {paths: ['**']}],
    });
    expect((await loadApp('partitions: {by: hash}')).partitions).toEqual({kind: 'hash', count: 256, copies: 3, depth: 1, within: 'silo'});
  });

  it('reads how workers are paused, which needs no drain', async () => {
    const hooks = 'pause: a, until: b, resume: c';
    const nsq = 'nsq: {topic: t, channel: c, nsqd: "http://127.0.0.1:4151/", lookupd: ["http://a:4161", "http://[::1]:4161"]}';
    const app = await loadApp(`endings: {worker: {${hooks}}, mill: {${hooks}, then: wait, wait: 1m}, thumbs: {${nsq}, then: go}}`);
    const intake = {kind: 'hooks', pause: 'a', until: 'b', resume: 'c'};
    expect(app.endings).toEqual([
      {role: 'worker', work: {intake, waitMs: 300_000, then: 'abort'}},
      {role: 'mill', work: {intake, waitMs: 60_000, then: 'wait', longestMs: 3_600_000}},
      {
        role: 'thumbs',
        work: {
          intake: {kind: 'nsq', topic: 't', channel: 'c', nsqd: ['http://127.0.0.1:4151'], lookupd: ['http://a:4161', 'http://[::1]:4161']},
          ...{waitMs: 300_000, then: 'go'},
        },
      },
    ]);
  });

  it('reads the order of roles, their endings, and the deadline of once tasks', async () => {
    const app = await loadApp(
      'roll: {order: [worker, web]}\n    drain: {file: ready}\n    endings: {socket: {wait: 15m, then: abort}, web: {wait: 10s}}\n    once: {before: x, deadline: 2m}',
    );
    expect(app.roll.order).toEqual(['worker', 'web']);
    expect(app.endings).toEqual([
      {role: 'socket', waitMs: 900_000, then: 'abort'},
      {role: 'web', waitMs: 10_000},
    ]);
    expect(app.once).toEqual({before: 'x', deadlineMs: 120_000});
  });

  it('reads every key of the design', async () => {
    const file = await folder.write(
      'drover.yml',
      `inventory: hosts/inventory.yml
apps:
  content:
    source: ./public
    root: ~/content/
    hosts: role:web
  code:
    source: ./dist
    ignore: ["*.map", /tmp]
    root: /srv/shop/code
    hosts: role:web&silo:eu!web03
    link: {uploads: shared/uploads}
    once: {before: bin/migrate expand, after: bin/migrate contract}
    restart: systemctl reload shop
    roll: {by: silo, waves: [1, 2, 25%, 100%], floor: 3, budget: 0, soak: 30s, confirm: 0s, keep: 2}
    drain: {haproxy: {socket: /run/haproxy/admin.sock, backend: web, on: silo:eu&role:balancer, servers: {web1: w1}}, wait: 1m, then: abort}
    warm: {from: sitemap, mode: spread, rate: 600/m, until: hit >= 98%, deadline: 1h, port: 6081, host: shop.example.com, headers: {X-Warm: "1"}, concurrency: 8}
    push: {rate: {host: 20M, silo: 100MB/s, run: 1048576}}
    health: [{http: /healthz, port: 8080, version: X-Release, host: shop, status: 204}, {tcp: 8080, rise: 1}, {run: bin/check, timeout: 30s}, {disk: 1GiB}]
events: [{nsq: http://127.0.0.1:4151, topic: deploys}, {webhook: https://hooks.example.com/x}]
store: ../store
`,
    );
    const project = await loadProject(file, {signal});
    expect(project).toMatchObject({
      file,
      inventory: folder.at('hosts/inventory.yml'),
      store: folder.at('../store'),
      events: [
        {kind: 'nsq', url: 'http://127.0.0.1:4151', topic: 'deploys'},
        {kind: 'webhook', url: 'https://hooks.example.com/x'},
      ],
    });
    expect([...project.apps.keys()]).toEqual(['content', 'code']);
    expect([...project.apps.values()][1]).toEqual({
      name: 'code',
      source: {parts: [{kind: 'directory', name: './dist', path: folder.at('dist')}], onConflict: 'error'},
      ignore: ['*.map', '/tmp'],
      root: '/srv/shop/code',
      hosts: 'role:web&silo:eu!web03',
      link: {uploads: 'shared/uploads'},
      once: {before: 'bin/migrate expand', after: 'bin/migrate contract', deadlineMs: 900_000},
      restart: 'systemctl reload shop',
      roll: {
        by: 'silo',
        waves: [
          {kind: 'count', count: 1},
          {kind: 'count', count: 2},
          {kind: 'percent', percent: 25},
          {kind: 'percent', percent: 100},
        ],
        floor: {kind: 'count', count: 3},
        budget: 0,
        soakMs: 30_000,
        confirmMs: 0,
        keep: 2,
      },
      push: {via: 'direct', rate: {host: 20_971_520, silo: 100_000_000, run: 1_048_576}},
      drain: {
        kind: 'haproxy',
        socket: '/run/haproxy/admin.sock',
        backends: ['web'],
        on: 'silo:eu&role:balancer',
        servers: {web1: 'w1'},
        waitMs: 60_000,
        then: 'abort',
      },
      warm: {
        from: {kind: 'sitemap', url: '/sitemap.xml'},
        mode: 'spread',
        port: 6081,
        hostHeader: 'shop.example.com',
        headers: {'X-Warm': '1'},
        ratePerSecond: 10,
        concurrency: 8,
        until: {kind: 'hit', ratio: 0.98},
        deadlineMs: 3_600_000,
      },
      health: [
        {kind: 'http', path: '/healthz', port: 8080, version: 'x-release', hostHeader: 'shop', status: 204, ...timings},
        {kind: 'tcp', port: 8080, ...timings, rise: 1},
        {kind: 'run', command: 'bin/check', ...timings, timeoutMs: 30_000},
        {kind: 'disk', freeBytes: 1024 ** 3, ...timings},
      ],
    });
  });

  it('fills in what an app does not say', async () => {
    const file = await folder.write('small.yml', 'apps: {content: {source: ., root: ~/content/, hosts: all}}\n');
    const {apps, ...project} = await loadProject(file, {signal});
    expect(project).toEqual({file, inventory: folder.at('inventory.yml'), store: folder.at('.drover/store'), events: []});
    expect([...apps.values()]).toEqual([
      {
        name: 'content',
        source: {parts: [{kind: 'directory', name: '.', path: folder.at('.')}], onConflict: 'error'},
        ignore: [],
        root: '~/content',
        hosts: 'all',
        link: {},
        roll: {
          by: 'silo',
          waves: [
            {kind: 'count', count: 1},
            {kind: 'percent', percent: 25},
            {kind: 'percent', percent: 100},
          ],
          floor: {kind: 'percent', percent: 75},
          budget: 1,
          soakMs: 0,
          confirmMs: 300_000,
          keep: 5,
        },
        health: [],
      },
    ]);
  });

  it.each<[string, App['drain']]>([
    [
      'drain: {haproxy: {socket: /run/h.sock, backend: web}}',
      {kind: 'haproxy', socket: '/run/h.sock', backends: ['web'], on: 'role:balancer', servers: {}, waitMs: 30_000, then: 'close'},
    ],
    [
      'drain: {haproxy: {socket: /run/h.sock, master: /run/m.sock, backend: [web, api, web], ramp: [25%, 100%], ramp_wait: 2s}, close_over: 1m}',
      {
        kind: 'haproxy',
        socket: '/run/h.sock',
        master: '/run/m.sock',
        backends: ['web', 'api'],
        on: 'role:balancer',
        servers: {},
        ramp: {steps: [25, 100], waitMs: 2000},
        closeOverMs: 60_000,
        waitMs: 30_000,
        then: 'close',
      },
    ],
    [
      'drain: {nginx: {upstream: shop, file: /etc/nginx/upstreams/shop.conf}, then: wait}',
      {
        kind: 'nginx',
        upstream: 'shop',
        file: '/etc/nginx/upstreams/shop.conf',
        pid: '/run/nginx.pid',
        test: 'nginx -t',
        reload: 'nginx -s reload',
        on: 'role:balancer',
        servers: {},
        waitMs: 30_000,
        then: 'wait',
        longestMs: 3_600_000,
      },
    ],
    [
      'drain: {nginx: {upstream: shop, file: /etc/n.conf, pid: /run/n.pid, test: sudo nginx -t, reload: sudo nginx -s reload, servers: {web1: "[::1]:80"}}}',
      {
        kind: 'nginx',
        upstream: 'shop',
        file: '/etc/n.conf',
        pid: '/run/n.pid',
        test: 'sudo nginx -t',
        reload: 'sudo nginx -s reload',
        on: 'role:balancer',
        servers: {web1: '[::1]:80'},
        waitMs: 30_000,
        then: 'close',
      },
    ],
    [
      'drain: {varnish: {admin: sudo varnishadm -n shop, backends: {web1: w1}, on: role:cache}, wait: 5s}',
      {
        kind: 'varnish',
        admin: 'sudo varnishadm -n shop',
        stat: 'varnishstat',
        on: 'role:cache',
        backends: {web1: 'w1'},
        waitMs: 5000,
        then: 'close',
      },
    ],
    ['drain: {file: shared/ready}', {kind: 'file', path: 'shared/ready', settleMs: 10_000, waitMs: 30_000, then: 'close'}],
    [
      'drain: {file: {path: /run/ready, settle: 3s}, wait: 0s}',
      {kind: 'file', path: '/run/ready', settleMs: 3000, waitMs: 0, then: 'close'},
    ],
    [
      'drain: {exec: {drain: out, admit: in, sessions: count, on: role:balancer}}',
      {kind: 'exec', drain: 'out', admit: 'in', sessions: 'count', on: 'role:balancer', waitMs: 30_000, then: 'close'},
    ],
  ])('%s', async (line, drain) => {
    expect((await loadApp(line)).drain).toEqual(drain);
  });

  it.each<[string, Partial<WarmSettings>]>([
    [
      'warm: {}',
      {from: {kind: 'sitemap', url: '/sitemap.xml'}, mode: 'clone', ratePerSecond: 20, concurrency: 4, deadlineMs: 120_000, port: 80},
    ],
    ['warm: {from: {sitemap: /maps/all.xml?x=1}}', {from: {kind: 'sitemap', url: '/maps/all.xml?x=1'}}],
    ['warm: {until: converged 95%}', {until: {kind: 'converged', ratio: 0.95}}],
    ['warm: {until: converged>=95%}', {until: {kind: 'converged', ratio: 0.95}}],
  ])('%s', async (line, warm) => {
    expect((await loadApp(line)).warm).toMatchObject(warm);
  });

  it('a file of paths is looked for beside the project', async () => {
    expect((await loadApp('warm: {from: {file: urls.txt}}')).warm?.from).toEqual({kind: 'file', path: folder.at('urls.txt')});
  });

  it('a probe of http asks port 80 for status 200', async () => {
    const probe: Probe = {kind: 'http', path: '/', port: 80, status: 200, ...timings};
    expect((await loadApp('health: [{http: /}]')).health).toEqual([probe]);
  });
});
