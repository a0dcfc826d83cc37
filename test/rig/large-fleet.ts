import {mkdir, readFile, rm, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import type {DroverEvent} from '../../src/lib/events/event.js';
import type {RigHost} from './fleet.js';
import {type Rig, startRig} from './rig.js';

const program = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

/** What is wrong with a host: three ways of being dead, a line of 64 kbit/s, an sshd that says who it is and then nothing more. */
export const faults = ['off', 'unplugged', 'refuses', 'slow', 'hangs'] as const;
export type Fault = (typeof faults)[number];

/** Hundreds of logins share the cores of one machine: what a host may take is more than the usual 10 s. */
export const connectSeconds = 30;

/** One run of drover. */
export interface FleetRun {
  readonly status: number | null;
  readonly wallMs: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly events: readonly DroverEvent[];
}

/** Separate hosts, each with namespaces, a root and an sshd of its own, and a project of one app for all of them. */
export class LargeFleet {
  readonly bad = new Map<string, Fault>();
  private runs = 0;

  private constructor(
    readonly rig: Rig,
    readonly raisedMs: number,
    private readonly project: string,
  ) {}

  static async raise(count: number): Promise<LargeFleet> {
    const startedMs = performance.now();
    const rig = await startRig({hosts: count, bare: true});
    const fleet = new LargeFleet(rig, performance.now() - startedMs, path.join(rig.dir, 'project'));
    await mkdir(path.join(fleet.project, 'content'), {recursive: true});
    await writeFile(path.join(fleet.project, 'inventory.yml'), rig.inventoryYaml({link: 'ssh', connectTimeout: `${connectSeconds}s`}));
    return fleet;
  }

  get hosts(): readonly RigHost[] {
    return this.rig.hosts;
  }

  /** Hosts that cannot be reached. */
  get lost(): readonly string[] {
    return [...this.bad].filter(([, fault]) => fault !== 'slow').map(([host]) => host);
  }

  /** A new snapshot of the content, which a run may lose so many hosts on. */
  async change(version: string, budget: number): Promise<void> {
    for (const name of ['index.html', 'about.html']) await writeFile(path.join(this.project, 'content', name), `${name} ${version}\n`);
    await writeFile(
      path.join(this.project, 'drover.yml'),
      `inventory: inventory.yml
apps:
  site:
    source: content
    root: /srv/site
    hosts: role:web
    roll: {waves: [1, 25%, 100%], floor: 50%, budget: ${budget}, soak: 0s}
    health: [{run: grep -q ${version} /srv/site/current/index.html, timeout: 20s, interval: 200ms, rise: 1, deadline: 60s}]
`,
    );
    await this.drover('snapshot', 'site');
  }

  /** One host in twenty is dead, one slow, one hanging; spread evenly, at least one of each. */
  async harm(): Promise<void> {
    const each = Math.max(1, Math.round(this.hosts.length / 20));
    const kinds: readonly Fault[] = Array.from({length: each}, (_, index) => [faults[index % 3] ?? 'off', 'slow', 'hangs'] as const).flat();
    for (const [index, fault] of kinds.entries()) {
      const host = this.hosts[Math.floor(((index + 0.5) * this.hosts.length) / kinds.length)]?.name ?? '';
      this.bad.set(host, fault);
      await this.inflict(host, fault);
    }
  }

  /** Everything is well again. */
  async heal(): Promise<void> {
    for (const [host, fault] of this.bad) {
      // A slow line goes with the cable.
      if (fault === 'slow') await this.rig.reboot(host);
      else await this.rig.restore(host);
    }
    this.bad.clear();
  }

  async drover(...words: readonly string[]): Promise<FleetRun> {
    this.runs += 1;
    const file = path.join(this.project, `events-${this.runs}`);
    const records = ['run', 'health', 'deploy'].includes(words[0] ?? '')
      ? [words[0] ?? '', '--all', '--events', file, ...words.slice(1)]
      : words;
    const startedMs = performance.now();
    const {status, stdout, stderr} = await this.rig.operator.exec([process.execPath, program, ...records], {
      cwd: this.project,
      timeoutMs: 3_600_000,
    });
    const wallMs = performance.now() - startedMs;
    const text = await readFile(file, 'utf8').catch(() => '');
    await rm(file, {force: true});
    const events = text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as DroverEvent);
    return {status, wallMs, stdout, stderr, events};
  }

  private async inflict(host: string, fault: Fault): Promise<void> {
    switch (fault) {
      case 'off':
        return this.rig.powerOff(host);
      case 'unplugged':
        return this.rig.unplug(host);
      case 'refuses':
        return this.rig.stopSshd(host);
      case 'slow':
        return this.rig.slowDown(host, 64);
      case 'hangs':
        return this.rig.hangAfterBanner(host);
    }
  }
}

/** When the last of these hosts had ended well, from the first event on; undefined where one of them did not. */
export function findLastEnd(run: FleetRun, hosts: readonly string[]): number | undefined {
  const wanted = new Set(hosts);
  const startMs = Date.parse(run.events[0]?.at ?? '');
  let lastMs = 0;
  for (const event of run.events) {
    if (event.kind !== 'host-ended' || event.outcome !== 'done' || !wanted.delete(event.host)) continue;
    lastMs = Math.max(lastMs, Date.parse(event.at) - startMs);
  }
  return wanted.size === 0 ? lastMs : undefined;
}
