import {mkdir, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import type {DroverEvent} from '../../src/lib/events/event.js';
import {collect} from './finished.js';
import {restartCommand} from './host-files.js';
import {type Rig, startRig} from './rig.js';
import {writeSite} from './site.js';

const program = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

export interface BusySiteOptions {
  /** Hosts of each of the two silos; the last one takes the WebSockets. */
  readonly hostsPerSilo: number;
  readonly floor: number;
  /** How long WebSockets may stay on a host that leaves, and how long closing them takes, in ms. */
  readonly waitMs: number;
  readonly closeOverMs: number;
}

/** A site with pages and WebSockets behind one HAProxy, and one operator. */
export class BusySite {
  readonly events: DroverEvent[] = [];

  private constructor(
    readonly rig: Rig,
    readonly project: string,
  ) {}

  /** Serves a first release. */
  static async open(options: BusySiteOptions): Promise<BusySite> {
    const hosts = 2 * options.hostsPerSilo;
    const rig = await startRig({
      hosts,
      balancers: 1,
      perHost: {
        web1: {shell: 'fish', rcNoise: true},
        [`web${options.hostsPerSilo}`]: {takesSockets: true},
        [`web${hosts}`]: {takesSockets: true, shell: 'sh', userland: 'busybox'},
      },
    });
    const project = path.join(rig.dir, 'project');
    await mkdir(project, {recursive: true});
    await writeFile(path.join(project, 'inventory.yml'), rig.inventoryYaml({link: 'ssh'}));
    await writeFile(
      path.join(project, 'drover.yml'),
      `inventory: inventory.yml
apps:
  site:
    source: ./content
    root: /srv/site
    hosts: role:web,role:socket
    restart: ${restartCommand}
    roll: {waves: [100%], order: [web, socket], floor: ${options.floor}, budget: 0, soak: 0s, confirm: 2m, keep: 8}
    drain: {haproxy: {socket: /run/haproxy/admin.sock, master: /run/haproxy/master.sock, backend: [web, socket]}, wait: 10s, then: close, close_over: ${options.closeOverMs}ms}
    endings: {socket: {wait: ${options.waitMs}ms, then: close}}
    health: [{http: /healthz, port: 80, version: x-release, timeout: 5s, interval: 100ms, rise: 1, deadline: 30s}]
`,
    );
    const site = new BusySite(rig, project);
    try {
      await site.snapshot('m0');
      await site.drover(['deploy', '--all', '--yes']);
      return site;
    } catch (error) {
      await rig.stop();
      throw error;
    }
  }

  /** Runs drover to its end; `hear` is told of every event when it comes. Throws when it does not end with 0. */
  async drover(words: readonly string[], hear: (event: DroverEvent) => void = () => undefined): Promise<void> {
    const child = this.rig.operator.spawn([process.execPath, program, ...words, '--events', '-'], {cwd: this.project});
    let rest = '';
    child.stdout?.on('data', (piece: Buffer) => {
      const lines = (rest + piece.toString()).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines.filter((each) => each.startsWith('{'))) {
        const event = JSON.parse(line) as DroverEvent;
        this.events.push(event);
        hear(event);
      }
    });
    const ended = await collect(child, {timeoutMs: 300_000});
    if (ended.status !== 0)
      throw new Error(`drover ${words.join(' ')} ended with ${ended.status}: ${ended.stderr}\n${ended.stdout.slice(-2000)}`);
  }

  /** Gives the id of a site with this mark. */
  async snapshot(mark: string): Promise<string> {
    await writeSite(path.join(this.project, 'content'), {mark});
    const ended = await this.rig.operator.exec([process.execPath, program, 'snapshot'], {cwd: this.project});
    if (ended.status !== 0) throw new Error(`drover snapshot ended with ${ended.status}: ${ended.stderr}`);
    return ended.stdout.trim();
  }

  /** A real reload of HAProxy: a new worker, which knows nothing of what was set through the socket. Resolves once it answers. */
  async reloadBalancer(): Promise<void> {
    const before = await this.#askWorker();
    const sent = await this.rig.exec('lb1', ['/bin/sh', '-c', 'kill -USR2 "$(head -n 1 /run/haproxy.pid)"']);
    if (sent.status !== 0) throw new Error(`HAProxy was not told to reload: ${sent.stderr}`);
    for (let tries = 0; tries < 600; tries++) {
      const now = await this.#askWorker().catch(() => before);
      if (now !== before) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error('HAProxy has no new worker after 30 s');
  }

  async #askWorker(): Promise<string | undefined> {
    return /^Pid: (\d+)$/m.exec(await this.rig.askBalancer('lb1', 'show info'))?.[1];
  }
}
