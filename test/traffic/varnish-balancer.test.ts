import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import type {Drain} from '../../src/lib/inventory/app.js';
import type {Balancer} from '../../src/lib/traffic/balancer.js';
import {pause} from '../../src/lib/traffic/pause.js';
import {createVarnishBalancer} from '../../src/lib/traffic/varnish-balancer.js';
import {parseBackendList, parseConnections} from '../../src/lib/traffic/varnish-state.js';
import {poll} from './haproxy-process.js';
import {makeHost, patiently} from './local-machine.js';
import {startVarnish, type VarnishProcess, varnishKind} from './varnish-process.js';
import {serveWeb, type WebServer} from './web-server.js';

const web1 = makeHost('web-1.eu.example.com');
const web2 = makeHost('web-2.eu.example.com');

describe.skipIf(!varnishKind.isHere)('a balancer of a real Varnish', () => {
  let directory: string;
  let varnish: VarnishProcess;
  let web: WebServer;
  let isHealthy: boolean;
  let warnings: string[];

  beforeEach(async () => {
    warnings = [];
    isHealthy = true;
    directory = await mkdtemp(path.join(os.tmpdir(), 'drover-varnish-'));
    web = await serveWeb((_, response) => {
      response.statusCode = isHealthy ? 200 : 503;
      response.end('web');
    });
    const probe = '.probe = { .url = "/"; .interval = 50ms; .timeout = 1s; .window = 2; .threshold = 1; .initial = 1; }';
    varnish = await startVarnish({
      directory,
      name: 'lb1',
      backends: [
        {name: 'web_1', port: web.port, probe},
        {name: 'web_2', port: web.port},
        {name: 'spare', port: web.port},
      ],
    });
  });

  afterEach(async () => {
    await varnish.stop();
    await web.stop();
    await rm(directory, {recursive: true, force: true});
  });

  const balance = (settings: Partial<Extract<Drain, {kind: 'varnish'}>> = {}, admitTimeoutMs?: number): Balancer =>
    createVarnishBalancer({
      drain: {
        kind: 'varnish',
        admin: 'varnishadm -n "$WORK"',
        stat: 'varnishstat -n "$WORK"',
        on: 'role:balancer',
        backends: {},
        waitMs: 10_000,
        then: 'close',
        ...settings,
      },
      balancerHosts: [makeHost('lb1')],
      open: async (host) => varnish.link(host),
      sleep: (ms, signal) => pause(ms / 10, signal),
      warn: async ({message}) => void warnings.push(message),
      ...(admitTimeoutMs === undefined ? {} : {admitTimeoutMs}),
    });

  const adminOf = (backend: string): string | undefined =>
    parseBackendList(varnish.admin('backend.list', '-j'))?.find(({name}) => name === backend)?.admin;

  it('finds backends by names that VCL allows, and by map', async () => {
    expect(await balance({backends: {other: 'spare'}}).preflight([web1, web2, makeHost('other')], patiently)).toEqual([]);
    expect(await balance().preflight([makeHost('web9'), makeHost('spare')], patiently)).toEqual([
      'host web9 has no backend in the active VCL of lb1; backends: web_1, web_2, spare; say which in drain.varnish.backends',
    ]);
    expect(await balance({backends: {[web2.name]: 'web_1'}}).preflight([web1, web2], patiently)).toEqual([
      `hosts ${web1.name} and ${web2.name} are both backend web_1 of lb1; say which is which in drain.varnish.backends`,
    ]);
    expect(warnings).toEqual([]);
  });

  it('G5: always goes back to auto, also from what an operator forced', async () => {
    varnish.admin('backend.set_health', '*.web_1', 'healthy');
    await balance().drain(web1, patiently);
    expect(adminOf('web_1')).toBe('sick');
    await balance().admit(web1, patiently);
    expect(adminOf('web_1')).toBe('probe');
  });

  it('G5: goes back to auto when the wait is aborted', async () => {
    const cut = new AbortController();
    const balancer = createVarnishBalancer({
      drain: {kind: 'varnish', admin: 'varnishadm -n "$WORK"', stat: 'false', on: 'x', backends: {}, waitMs: 60_000, then: 'close'},
      balancerHosts: [makeHost('lb1')],
      open: async (host) => varnish.link(host),
      sleep: async (_, signal) => {
        cut.abort(new Error('second Ctrl-C'));
        signal.throwIfAborted();
      },
      warn: async () => undefined,
    });
    await expect(balancer.drain(web1, cut.signal)).rejects.toThrow();
    expect(adminOf('web_1')).toBe('probe');
  });

  it('tells a VCL that becomes active in the middle of the wait', async () => {
    await writeFile(
      path.join(directory, 'next.vcl'),
      `vcl 4.1; backend web_1 { .host = "127.0.0.1"; .port = "${web.port}"; } backend web_2 { .host = "127.0.0.1"; .port = "${web.port}"; } sub vcl_recv { if (req.url == "/2") { set req.backend_hint = web_2; } }`,
    );
    const draining = balance({stat: 'false', waitMs: 2_000}).drain(web1, patiently);
    await poll(
      async () => adminOf('web_1'),
      (admin) => admin === 'sick',
    );
    varnish.admin('vcl.load', 'next', path.join(directory, 'next.vcl'));
    varnish.admin('vcl.use', 'next');
    expect(await draining).toEqual({cut: 0});
    expect(adminOf('web_1')).toBe('sick');
    expect(warnings).toContain(`Varnish on lb1 had ${web1.name} back in rotation while it drained: told again`);
  });

  it('waits for the probe, and says who does not find the host healthy', async () => {
    isHealthy = false;
    await poll(
      async () => (await balance().read([web1], patiently))[0]?.state,
      (state) => state === 'down',
    );
    await expect(balance({}, 200).admit(web1, patiently)).rejects.toMatchObject({
      code: 'unhealthy',
      message: `${web1.name} is not up 0.2 s after its backend was set to auto: down at lb1`,
    });
    const admitting = balance().admit(web1, patiently);
    isHealthy = true;
    await admitting;
    expect((await balance().read([web1], patiently))[0]?.state).toBe('in');
  });

  it('says when it cannot count connections, and when varnishadm may not be run', async () => {
    await balance({stat: 'echo no'}).preflight([web1], patiently);
    expect(warnings).toEqual([
      'varnishstat cannot be read on lb1: connections are not counted, and every drain waits all of drain.wait; set drain.varnish.stat',
    ]);
    expect(await balance({admin: 'echo "sudo: a password is required"; false'}).preflight([web1], patiently)).toEqual([
      'Varnish on lb1 (echo "sudo: a password is required"; false): sudo: a password is required',
    ]);
  });
});

describe('what Varnish prints', () => {
  it.each(['', 'no', '[3, ["backend.list"]]', '[3, [], 1.0, {"boot.a": {"type": "backend"}}]'])('%j is no list of backends', (text) => {
    expect(parseBackendList(text)).toBeUndefined();
  });

  it.each(['', '{}', '{"counters": 1}'])('%j counts no connections', (text) => {
    expect(parseConnections(text)).toBeUndefined();
  });

  it('adds up the connections of a backend over all VCLs', () => {
    const counters = {
      'VBE.boot.web1.conn': {value: 2},
      'VBE.next.web1.conn': {value: 3},
      'VBE.next.web2.conn': {value: 0},
      'MAIN.uptime': {value: 9},
    };
    expect([...(parseConnections(JSON.stringify({version: 1, counters})) ?? [])]).toEqual([
      ['web1', 5],
      ['web2', 0],
    ]);
  });
});
