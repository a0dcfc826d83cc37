import {spawnSync} from 'node:child_process';
import {chmod, mkdtemp, readdir, readFile, rm, stat, writeFile} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import type {Drain} from '../../src/lib/inventory/app.js';
import type {Balancer} from '../../src/lib/traffic/balancer.js';
import {createNginxBalancer} from '../../src/lib/traffic/nginx-balancer.js';
import {pause} from '../../src/lib/traffic/pause.js';
import {poll} from './haproxy-process.js';
import {makeHost, patiently} from './local-machine.js';
import {type NginxProcess, nginxKind, startNginx} from './nginx-process.js';

const web1 = makeHost('web1', {address: '127.0.0.11'});
const web2 = makeHost('web2', {address: '127.0.0.12'});
const upstream = `# Ours since 2019.
server 127.0.0.11:8080 weight=5;   # the fast one
server 127.0.0.12:8080 max_fails=2 fail_timeout=3s;
server 127.0.0.13:8080 backup;
keepalive 4;
`;

describe.skipIf(!nginxKind.isHere)('a balancer of a real nginx', () => {
  let directory: string;
  let nginx: NginxProcess;
  let warnings: string[];

  beforeEach(async () => {
    warnings = [];
    directory = await mkdtemp(path.join(os.tmpdir(), 'drover-nginx-'));
    nginx = await startNginx({directory, name: 'lb1', upstream});
  });

  afterEach(async () => {
    await nginx.stop();
    await rm(directory, {recursive: true, force: true});
  });

  const balance = (settings: Partial<Extract<Drain, {kind: 'nginx'}>> = {}): Balancer =>
    createNginxBalancer({
      drain: {
        kind: 'nginx',
        upstream: 'app',
        file: nginx.file,
        pid: path.join(nginx.directory, 'nginx.pid'),
        test: '$NGINX -t',
        reload: '$NGINX -s reload',
        on: 'role:balancer',
        servers: {},
        waitMs: 10_000,
        then: 'close',
        ...settings,
      },
      balancerHosts: [makeHost('lb1')],
      open: async (host) => nginx.link(host),
      sleep: (ms, signal) => pause(ms / 5, signal),
      warn: async ({message}) => void warnings.push(message),
      ...(settings.reload === 'true' ? {reloadSeconds: 1} : {}),
    });

  const read = (): Promise<string> => readFile(nginx.file, 'utf8');
  const workers = (): readonly string[] =>
    spawnSync('ps', ['-o', 'pid=', '--ppid', String(nginx.pid)], {encoding: 'utf8'})
      .stdout.trim()
      .split(/\s+/);

  it('keeps all that is not its own in the file, and its mode', async () => {
    await chmod(nginx.file, 0o640);
    await balance().drain(web1, patiently);
    expect(await read()).toBe(upstream.replace('weight=5;', 'weight=5 down;'));
    await balance().admit(web1, patiently);
    expect(await read()).toBe(upstream);
    expect((await stat(nginx.file)).mode & 0o777).toBe(0o640);
    expect((await readdir(path.dirname(nginx.file))).sort()).toEqual(['.app.conf.drover-loaded', 'app.conf']);
  });

  it('does not reload for what is in force already', async () => {
    await balance().drain(web1, patiently);
    const before = workers();
    await balance().drain(web1, patiently);
    expect(workers()).toEqual(before);
    await balance().admit(web2, patiently);
    expect(workers()).toEqual(before);
  });

  it('puts the file back when the test fails, and says what nginx said', async () => {
    await writeFile(path.join(path.dirname(nginx.file), 'zz.conf'), 'server nonsense weight=none;\n');
    const before = workers();
    await expect(balance().drain(web1, patiently)).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringMatching(/^nginx on lb1 \(.*app\.conf\): \$NGINX -t: .*weight=none/),
    });
    expect(await read()).toBe(upstream);
    expect(workers()).toEqual(before);
    expect(await balance().preflight([web1, web2], patiently)).toEqual([expect.stringMatching(/^nginx on lb1: \$NGINX -t: .*weight=none/)]);
  });

  it('puts the file back when the reload fails, and when nginx does not take it', async () => {
    await expect(balance({reload: 'echo no such unit; exit 5'}).drain(web1, patiently)).rejects.toMatchObject({
      message: expect.stringContaining('no such unit'),
    });
    expect(await read()).toBe(upstream);
    await expect(balance({reload: 'true'}).drain(web1, patiently)).rejects.toMatchObject({
      message: expect.stringContaining('nginx did not take the configuration within 1 s'),
    });
    expect(await read()).toBe(upstream);
    expect((await balance().read([web1], patiently))[0]?.state).toBe('in');
  });

  it('takes two hosts out at the same time, with one file between them', async () => {
    await writeFile(nginx.file, upstream.replace(' backup', ''));
    const balancer = balance();
    await Promise.all([balancer.drain(web1, patiently), balancer.drain(web2, patiently)]);
    expect((await read()).match(/ down;/g)).toHaveLength(2);
    await Promise.all([balancer.admit(web1, patiently), balance().admit(web2, patiently)]);
    expect(await read()).toBe(upstream.replace(' backup', ''));
  });

  it('does not count a backup as a server, and takes nobody out who is the last', async () => {
    await balance().drain(web1, patiently);
    await expect(balance().drain(web2, patiently)).rejects.toThrow('web2 is the last server in rotation at nginx on lb1');
    expect(await read()).toBe(upstream.replace('weight=5;', 'weight=5 down;'));
  });

  it('sees a change that was cut before its reload, and completes it', async () => {
    await balance().drain(web1, patiently);
    await writeFile(nginx.file, upstream);
    expect((await balance().read([web1], patiently))[0]?.state).toBe('draining');
    const before = workers();
    await balance().admit(web1, patiently);
    expect(workers()).not.toEqual(before);
    expect((await balance().read([web1], patiently))[0]?.state).toBe('in');
  });

  it('advises a worker_shutdown_timeout where there is none', async () => {
    expect(await balance().preflight([web1, web2], patiently)).toEqual([]);
    expect(warnings).toEqual([expect.stringContaining(`nginx on lb1 has no worker_shutdown_timeout in ${nginx.directory}`)]);
    warnings = [];
    const configuration = path.join(nginx.directory, 'nginx.conf');
    await writeFile(configuration, `worker_shutdown_timeout 5m;\n${await readFile(configuration, 'utf8')}`);
    await balance().preflight([web1, web2], patiently);
    expect(warnings).toEqual([]);
  });

  it('says in preflight what would make a change fail', async () => {
    const problemsOf = (settings: Partial<Extract<Drain, {kind: 'nginx'}>>) => balance(settings).preflight([web1], patiently);
    expect(await problemsOf({pid: '/nowhere/nginx.pid'})).toEqual([
      'nginx on lb1: nginx is not running: /nowhere/nginx.pid names no process',
    ]);
    expect(await problemsOf({file: '/nowhere/app.conf'})).toEqual(['nginx on lb1: /nowhere/app.conf is not writable']);
    expect(await balance().preflight([makeHost('web9')], patiently)).toEqual([
      `host web9 has no server in upstream "app" of lb1 (${nginx.file}); servers: 127.0.0.11:8080, 127.0.0.12:8080, 127.0.0.13:8080; say which in drain.nginx.servers`,
    ]);
    expect(await balance({servers: {web2: '127.0.0.11:8080'}}).preflight([web1, web2], patiently)).toEqual([
      `hosts web1 and web2 are both server 127.0.0.11:8080 in upstream "app" of lb1 (${nginx.file}); say which is which in drain.nginx.servers`,
    ]);
  });

  it('tells a host that something puts back into rotation once more, and then gives up', async () => {
    await writeFile(nginx.file, upstream.replace(' backup', ''));
    let changes = 0;
    const meddling = createNginxBalancer({
      drain: {
        kind: 'nginx',
        upstream: 'app',
        file: nginx.file,
        pid: path.join(nginx.directory, 'nginx.pid'),
        test: '$NGINX -t',
        reload: '$NGINX -s reload',
        on: 'x',
        servers: {},
        waitMs: 60_000,
        then: 'close',
      },
      balancerHosts: [makeHost('lb1')],
      open: async (host) => {
        const link = nginx.link(host);
        return {
          ...link,
          exec: async (request) => {
            const result = await link.exec(request);
            if (!/^action=change$/m.test(String(request.stdin))) return result;
            changes += 1;
            if (changes <= 2) await balance().admit(web1, patiently);
            return result;
          },
        };
      },
      sleep: (ms, signal) => pause(ms / 5, signal),
      warn: async ({message}) => void warnings.push(message),
    });
    await expect(meddling.drain(web1, patiently)).rejects.toThrow('nginx on lb1 had web1 back in rotation twice while it drained');
    expect(warnings).toContain('nginx on lb1 had web1 back in rotation while it drained: told again');
    await poll(read, (text) => !text.includes('down'));
  });
});
