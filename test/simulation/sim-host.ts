import type {SeededRandom} from '../rollout/seeded-random.js';
import {Disk, DiskFull, PowerCut} from './disk.js';
import {HostVerbs, type HostWorld, Refusal, type Values} from './host-verbs.js';
import type {VirtualClock} from './virtual-clock.js';

export interface Reply {
  readonly status: number;
  readonly lines: readonly string[];
}

/** What a host did, for those who watch. */
export interface HostWatcher {
  /** After anything that may have changed the host; `what` is one line, `epoch` that of the run which asked, undefined for the host itself. */
  moved(host: SimHost, what: string, asked: {readonly run: string; readonly epoch: string | undefined} | undefined): void;
}

const rebootMs = 40_000;

/** One machine: a disk, a clock that starts with each boot, the app's process, and watchers of its own. */
export class SimHost {
  readonly disk = new Disk();
  readonly verbs = new HostVerbs(this.disk);
  /** The release that the app's process serves. */
  running: string | undefined;
  restarts = 0;
  private boots = 1;
  private bootedAtMs = 0;
  /** Down until then. */
  private downUntilMs = 0;

  constructor(
    readonly name: string,
    readonly silo: string,
    private readonly clock: VirtualClock,
    private readonly random: SeededRandom,
    /** Releases that are not healthy here. */
    private readonly bad: ReadonlySet<string>,
    private readonly watcher: HostWatcher,
  ) {}

  get isUp(): boolean {
    return this.clock.nowMs >= this.downUntilMs;
  }

  /** Up, and healthy on what its process serves. */
  get isHealthy(): boolean {
    return this.isUp && this.running !== undefined && !this.bad.has(this.running);
  }

  /** The boot's name. */
  get boot(): string {
    return `${this.name}-boot-${this.boots}`;
  }

  /** Seconds that a lease of the host is still good for; the one that it has, unless told. */
  leaseLeft(lease = this.verbs.readLease()): number {
    return lease === undefined ? 0 : this.verbs.leaseLeft(lease, this.world());
  }

  /** All that decides what it does next, but its name. */
  describe(): unknown {
    const {disk, running, boots, bootedAtMs, downUntilMs} = this;
    return [disk.entries(), disk.unflushed(), running, boots, bootedAtMs, Math.max(downUntilMs, this.clock.nowMs)];
  }

  /** Away from the network, and nothing else. */
  goAway(ms: number): void {
    this.downUntilMs = Math.max(this.downUntilMs, this.clock.nowMs + ms);
    this.clock.after(ms, () => this.watcher.moved(this, 'is back', undefined), null, `${this.name} is back`);
  }

  cutPower(): void {
    this.disk.crash(this.random);
    this.boots++;
    this.bootedAtMs = this.clock.nowMs + rebootMs;
    this.running = this.verbs.live === '' ? undefined : this.verbs.live;
    this.goAway(rebootMs);
  }

  /** Whether the app answers well, as a probe on the host finds it. */
  probe(): Reply {
    return {status: 0, lines: [`status ${this.isHealthy ? 0 : 1}`]};
  }

  /** Carries a verb out; undefined when the host went down in the middle of it. */
  answer(verb: string, values: Values, payload: string): Reply | undefined {
    const asked = {run: values.run ?? '', epoch: values.epoch};
    const {what, reply} = this.carry(verb, values, payload);
    this.watcher.moved(this, `${verb}${what}`, verb === 'read-state' ? undefined : asked);
    return reply;
  }

  private carry(verb: string, values: Values, payload: string): {readonly what: string; readonly reply: Reply | undefined} {
    try {
      return {what: '', reply: {status: 0, lines: this.verbs.run(verb, values, payload, this.world())}};
    } catch (error) {
      if (error instanceof PowerCut) {
        this.cutPower();
        return {what: ': the power goes', reply: undefined};
      }
      const refusal = error instanceof DiskFull ? new Refusal(18, 'the disk is full') : error;
      if (!(refusal instanceof Refusal)) throw error;
      return {what: `: ${refusal.words}`, reply: {status: refusal.status, lines: [...refusal.lines, `error ${refusal.words}`]}};
    }
  }

  private world(): HostWorld {
    return {
      now: Math.max(0, Math.floor((this.clock.nowMs - this.bootedAtMs) / 1000)),
      boot: this.boot,
      at: `${Math.floor(this.clock.nowMs / 1000)}s`,
      armDeadMan: (watch) => this.armDeadMan(watch),
      restart: () => this.restart(),
    };
  }

  private restart(): boolean {
    this.running = this.verbs.live === '' ? undefined : this.verbs.live;
    this.restarts++;
    return true;
  }

  private armDeadMan(watch: Parameters<HostWorld['armDeadMan']>[0]): void {
    const {boots} = this;
    this.clock.after(
      watch.seconds * 1000,
      () => {
        if (boots !== this.boots) return;
        try {
          if (!this.verbs.fireDeadMan(watch, this.world())) return;
        } catch (error) {
          if (!(error instanceof DiskFull) && !(error instanceof PowerCut)) throw error;
          if (error instanceof PowerCut) this.cutPower();
        }
        this.watcher.moved(this, `takes ${watch.to.slice(0, 1)} back by itself`, {run: watch.run, epoch: undefined});
      },
      null,
      JSON.stringify([this.name, boots, watch]),
    );
  }
}
