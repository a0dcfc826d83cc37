import {spawnSync} from 'node:child_process';
import {access, mkdir, readFile, writeFile} from 'node:fs/promises';
import path from 'node:path';
import type {BalancerKind, RunningBalancer} from './balancer-stage.js';
import {poll, reservePort} from './haproxy-process.js';
import {linkLocally} from './local-machine.js';

const hasNginx = spawnSync('nginx', ['-v']).status === 0;

export interface NginxProcess extends RunningBalancer {
  readonly directory: string;
  /** The file with the server lines. */
  readonly file: string;
  readonly pid: number;
}

/** A real nginx on loopback, which has its upstream in a file of its own, listening when this returns. */
export async function startNginx({
  directory,
  name,
  upstream,
  main = '',
}: {
  readonly directory: string;
  readonly name: string;
  readonly upstream: string;
  /** Lines at the top of nginx.conf. */
  readonly main?: string;
}): Promise<NginxProcess> {
  const home = path.join(directory, name);
  await mkdir(path.join(home, 'upstreams'), {recursive: true});
  const file = path.join(home, 'upstreams/app.conf');
  const port = await reservePort();
  await writeFile(file, upstream);
  const configuration = path.join(home, 'nginx.conf');
  const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((each) => `${each}_temp_path ${home}/${each};`);
  await writeFile(
    configuration,
    `${process.getuid?.() === 0 ? 'user root;' : ''}
${main}
worker_processes 1;
pid ${home}/nginx.pid;
error_log ${home}/error.log;
events { worker_connections 512; }
http {
  access_log off;
  ${places.join('\n  ')}
  upstream app {
    include ${home}/upstreams/*.conf;
  }
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://app; proxy_read_timeout 60s; }
  }
}
`,
  );
  const nginx = (...words: string[]) =>
    spawnSync('nginx', ['-c', configuration, '-p', home, '-e', `${home}/error.log`, ...words], {stdio: 'pipe'});
  const started = nginx();
  if (started.status !== 0) throw new Error(`nginx did not start: ${started.stderr.toString()}`);
  const pid = Number(
    await poll(
      () => readFile(`${home}/nginx.pid`, 'utf8').catch(() => ''),
      (text) => text.trim() !== '',
    ),
  );
  // It writes its number before it has workers.
  await poll(
    async () => spawnSync('ps', ['-o', 'pid=', '--ppid', String(pid)], {encoding: 'utf8'}).stdout.trim(),
    (text) => text !== '',
  );
  return {
    directory: home,
    file,
    port,
    pid,
    link: (host) => linkLocally(host, {env: {NGINX: `nginx -c ${configuration} -p ${home} -e ${home}/error.log`, AT: home}}),
    stop: async () => {
      await stopMaster(pid);
      await poll(
        async () => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''),
        (text) => text === '',
      );
    },
  };
}

async function stopMaster(pid: number): Promise<void> {
  const isThere = await access(`/proc/${pid}`).then(
    () => true,
    () => false,
  );
  if (isThere) process.kill(pid, 'SIGTERM');
}

export const nginxKind: BalancerKind = {
  name: 'nginx',
  isHere: hasNginx,
  settings: (webs) => ({
    kind: 'nginx',
    upstream: 'app',
    file: '/run/upstreams/app.conf',
    pid: '/run/nginx.pid',
    test: '$NGINX -t',
    reload: '$NGINX -s reload',
    on: 'role:balancer',
    servers: Object.fromEntries(webs.map(({host, port}) => [host.name, `127.0.0.1:${port}`])),
    waitMs: 20_000,
    then: 'close',
  }),
  start: async ({directory, name, webs}) => {
    const upstream = webs.map(({port}) => `server 127.0.0.1:${port};\n`).join('');
    const running = await startNginx({directory, name, upstream});
    // Every balancer host has its files at the same paths; here they share one disk.
    return {...running, link: (host) => atHome(running, host)};
  },
};

/** The link of a balancer host on which `/run` is the folder of this nginx. */
export function atHome(running: NginxProcess, host: Parameters<RunningBalancer['link']>[0]): ReturnType<RunningBalancer['link']> {
  const link = running.link(host);
  return {
    ...link,
    exec: (request) => {
      const stdin = Buffer.isBuffer(request.stdin)
        ? Buffer.from(request.stdin.toString('latin1').replaceAll(/^(file|pid_file)=\/run\//gm, `$1=${running.directory}/`), 'latin1')
        : request.stdin;
      return link.exec({...request, ...(stdin === undefined ? {} : {stdin})});
    },
  };
}
