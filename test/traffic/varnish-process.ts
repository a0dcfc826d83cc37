import {spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {mkdir, writeFile} from 'node:fs/promises';
import path from 'node:path';
import type {BalancerKind, RunningBalancer} from './balancer-stage.js';
import {poll, reservePort} from './haproxy-process.js';
import {linkLocally} from './local-machine.js';

const hasVarnish = spawnSync('varnishd', ['-V']).status === 0;

export interface VarnishProcess extends RunningBalancer {
  admin(...words: readonly string[]): string;
}

/** A real Varnish on loopback that caches nothing, running when this returns. */
export async function startVarnish({
  directory,
  name,
  backends,
}: {
  readonly directory: string;
  readonly name: string;
  readonly backends: readonly {readonly name: string; readonly port: number; readonly probe?: string}[];
}): Promise<VarnishProcess> {
  const home = path.join(directory, name);
  await mkdir(home, {recursive: true});
  const port = await reservePort();
  const lines = backends.map(({name: each, port: at, probe = ''}) => `backend ${each} { .host = "127.0.0.1"; .port = "${at}"; ${probe} }`);
  const members = backends.map(({name: each}) => `pool.add_backend(${each});`);
  await writeFile(
    path.join(home, 'app.vcl'),
    `vcl 4.1;
import directors;
${lines.join('\n')}
sub vcl_init { new pool = directors.round_robin(); ${members.join(' ')} }
sub vcl_recv { set req.backend_hint = pool.backend(); return (pass); }
`,
  );
  const work = path.join(home, 'work');
  const options = ['-F', '-n', work, '-a', `127.0.0.1:${port}`, '-f', path.join(home, 'app.vcl'), '-s', 'malloc,16m', '-j', 'none'];
  const child = spawn('varnishd', [...options, '-p', 'thread_pool_min=10', '-p', 'thread_pools=1'], {stdio: 'ignore'});
  const admin = (...words: readonly string[]): string => {
    const {status, stdout, stderr} = spawnSync('varnishadm', ['-n', work, ...words], {encoding: 'utf8'});
    return status === 0 ? stdout : `failed: ${stderr}`;
  };
  await poll(
    async () => admin('status'),
    (text) => text.includes('running'),
  );
  return {
    port,
    admin,
    link: (host) => linkLocally(host, {env: {WORK: work}}),
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}

export const varnishKind: BalancerKind = {
  name: 'Varnish',
  isHere: hasVarnish,
  settings: () => ({
    kind: 'varnish',
    admin: 'varnishadm -n "$WORK"',
    stat: 'varnishstat -n "$WORK"',
    on: 'role:balancer',
    backends: {},
    waitMs: 20_000,
    then: 'close',
  }),
  start: ({directory, name, webs}) => startVarnish({directory, name, backends: webs.map(({host, port}) => ({name: host.name, port}))}),
};
