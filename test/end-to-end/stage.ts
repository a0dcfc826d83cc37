import type {ChildProcess} from 'node:child_process';
import {cp, mkdir, rm, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {collect} from '../rig/finished.js';
import {mixedHosts} from '../rig/fleet.js';
import {restartCommand} from '../rig/host-files.js';
import {type HostView, viewHost} from '../rig/host-view.js';
import {type Rig, startRig} from '../rig/rig.js';
import {readSeats} from '../rig/rotation-watch.js';

const program = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

export interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
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

async function readRotation(rig: Rig): Promise<ReadonlyMap<string, string>> {
  const seats = await readSeats(rig);
  return new Map(seats.map(({balancer, server, order}) => [`${balancer}/${server}`, order]));
}
