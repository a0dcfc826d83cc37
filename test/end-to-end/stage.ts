import type {ChildProcess} from 'node:child_process';
import {cp, mkdir, rm, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {collect} from '../rig/finished.js';
import {mixedHosts} from '../rig/fleet.js';
import {restartCommand} from '../rig/host-files.js';
import {type Rig, startRig} from '../rig/rig.js';

const program = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

export interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface HostView {
  readonly host: string;
  readonly live: string | undefined;
  /** True when every file of what `current` names is there as its manifest says. */
  readonly whole: boolean;
  readonly leased: boolean;
}

/** A fleet, a project on the operator's machine, and drover to run in it. */
export interface Stage {
  readonly rig: Rig;
  readonly project: string;
  /** Runs drover to its end, as a person would type it; `home` is another machine of an operator. */
  drover(words: readonly string[], options?: {readonly home?: string; readonly cwd?: string; readonly timeoutMs?: number}): Promise<Ended>;
  /** Starts drover and leaves it running. */
  start(words: readonly string[]): ChildProcess;
  /** Takes what `folder` holds as the tree to release. */
  setContent(folder: string): Promise<void>;
  /** Puts one more file into the content. */
  write(name: string, text: string): Promise<void>;
  breakContent(): Promise<void>;
  mendContent(): Promise<void>;
  view(host: string): Promise<HostView>;
  /** Admin state of every server of every balancer, `lb1/web1` -> `ready`, `drain` or `maint`. */
  rotation(): Promise<ReadonlyMap<string, string>>;
  stop(): Promise<void>;
}

const projectText = `inventory: inventory.yml
apps:
  site:
    source: ./content
    root: /srv/site
    hosts: role:web
    restart: ${restartCommand}
    roll: {waves: [1, 50%, 100%], floor: 50%, budget: 2, soak: 0s, confirm: 60s, keep: 4}
    drain: {haproxy: {socket: /run/haproxy/admin.sock, backend: web}, wait: 10s, then: close}
    warm: {from: sitemap, port: 80, rate: 200/s, until: hit >= 95%, deadline: 40s}
    health: [{http: /healthz, port: 80, version: x-release, timeout: 2s, interval: 200ms, rise: 2, deadline: 6s}]
`;

/** Brings a fleet of 8 web hosts in 2 silos and one balancer up; hosts differ in shell, userland and noise. */
export async function openStage(link: 'ssh' | 'openssh'): Promise<Stage> {
  const rig = await startRig({hosts: 8, balancers: 1, perHost: mixedHosts});
  const project = path.join(rig.dir, 'project');
  await mkdir(path.join(project, 'content'), {recursive: true});
  await writeFile(path.join(project, 'drover.yml'), projectText);
  await writeFile(
    path.join(project, 'inventory.yml'),
    `${rig.inventoryYaml({link}).replace('{user: deploy', '{user: deploy, connect_timeout: 5s')}`,
  );
  const content = path.join(project, 'content');
  return {
    rig,
    project,
    async drover(words, options = {}) {
      const child = rig.operator.spawn([process.execPath, program, ...words], {
        cwd: options.cwd ?? project,
        ...(options.home === undefined ? {} : {home: options.home}),
      });
      const ended = await collect(child, {timeoutMs: options.timeoutMs ?? 180_000});
      return {status: ended.status ?? -1, stdout: ended.stdout, stderr: ended.stderr};
    },
    start: (words) => rig.operator.spawn([process.execPath, program, ...words], {cwd: project}),
    async setContent(folder) {
      await rm(content, {recursive: true, force: true});
      await cp(folder, content, {recursive: true});
    },
    write: (name, text) => writeFile(path.join(content, name), text),
    breakContent: () => writeFile(path.join(content, 'BROKEN'), 'this release answers 500\n'),
    mendContent: () => rm(path.join(content, 'BROKEN'), {force: true}),
    view: (host) => viewHost(rig, host),
    rotation: () => readRotation(rig),
    stop: () => rig.stop(),
  };
}

/** What a host serves and whether it is whole, looked at from inside, not through drover. */
async function viewHost(rig: Rig, host: string): Promise<HostView> {
  const script = `cd /srv/site || exit 9
live=$(readlink current 2>/dev/null); live=\${live#releases/}
echo "live=$live"
[ -n "$live" ] && [ -d "releases/$live" ] && [ -f ".drover/manifests/$live" ] || { [ -z "$live" ] && [ ! -e current ] && echo whole=yes; }
if [ -n "$live" ] && [ -d "releases/$live" ]; then
  found=$(sha256sum <".drover/manifests/$live"); [ "\${found%% *}" = "$live" ] || exit 8
  awk -F'\\t' '$2 == "f" {print $5 "  ./" $1}' ".drover/manifests/$live" >/tmp/sums
  (cd "releases/$live" && sha256sum -c /tmp/sums >/dev/null 2>&1) && echo whole=yes
fi
[ -f .drover/lease ] && echo leased=yes
exit 0`;
  const {stdout} = await rig.exec(host, ['/bin/sh', '-c', script], {timeoutMs: 60_000});
  const live = /^live=(.+)$/m.exec(stdout)?.[1];
  return {host, live, whole: /^whole=yes$/m.test(stdout), leased: /^leased=yes$/m.test(stdout)};
}

async function readRotation(rig: Rig): Promise<ReadonlyMap<string, string>> {
  const states = new Map<string, string>();
  for (const balancer of rig.hosts.filter((host) => host.role === 'balancer')) {
    const answer = await rig.askBalancer(balancer.name, 'show servers state web');
    for (const line of answer.split('\n').slice(2)) {
      const fields = line.split(' ');
      const [, , , server, , , admin] = fields;
      if (server === undefined || admin === undefined) continue;
      const bits = Number(admin);
      states.set(`${balancer.name}/${server}`, (bits & 1) !== 0 ? 'maint' : (bits & 8) !== 0 ? 'drain' : 'ready');
    }
  }
  return states;
}
