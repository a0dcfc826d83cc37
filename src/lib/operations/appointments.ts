import {setTimeout as sleep} from 'node:timers/promises';
import type {ClockEstimate} from '../host/clock-estimate.js';
import type {ArmedSwitch} from '../host/timed-switch.js';
import type {App} from '../inventory/app.js';
import type {Appointment} from '../rollout/plan.js';
import type {RolloutEvent} from '../rollout/state.js';
import {longestDrainMs} from './app-balancer.js';
import {takesOut} from './worker-role.js';
import type {World} from './world.js';

/** Hosts are let go this long before their time: what is on its way then arrives in time. */
export const goLeadMs = 4000;

/** A host that comes later than this to its switch leaves it. */
export const lateMs = 10_000;

/** The wall clock is looked at this often while a run waits, since a machine may sleep and a clock may be set. */
const lookEveryMs = 10_000;

/** How long before their time the hosts of a wave begin to leave rotation and to stand ready. */
export function openLeadMs(app: App, hosts: number): number {
  return (takesOut(app) ? longestDrainMs(app) : 0) + 15_000 + hosts * 50;
}

/** The times of a timed deploy, and who stands ready for them. The only clock of a rollout. */
export class Appointments {
  readonly armed = new Map<string, ArmedSwitch>();
  /** As measured last. */
  readonly clocks = new Map<string, ClockEstimate>();
  /** When each host switched, by its own journal. */
  readonly switched = new Map<string, {readonly atMs: number; readonly instantMs: number}>();
  private readonly moved = new Map<number, number>();

  constructor(
    private readonly world: World,
    private readonly options: {
      readonly at: Appointment;
      readonly leadMs: number;
      /** A run that is resumed after its time switches as soon as it can. */
      readonly isResumed: boolean;
    },
  ) {}

  get clockBoundMs(): number {
    return this.options.at.clockBoundMs;
  }

  /** When the waves of this offset switch; milliseconds since the epoch. */
  instantMs(offsetMs: number): number {
    return this.moved.get(offsetMs) ?? Date.parse(this.options.at.time) + offsetMs;
  }

  /**
   * Waits for a moment of a wave. A first wave that is too late is missed; a later one, whose gate before it took longer than planned, gets a
   * later time, the same for all of its hosts. Rejects on abort.
   */
  async await(moment: 'open' | 'switch', offsetMs: number, signal: AbortSignal): Promise<RolloutEvent> {
    const {leadMs, isResumed} = this.options;
    const instantMs = this.instantMs(offsetMs);
    if (moment === 'switch') {
      await this.sleepUntil(instantMs - goLeadMs, signal);
      return {kind: 'time-come', moment};
    }
    if (instantMs - leadMs - this.world.now() > 1000) await this.world.emit({kind: 'waiting', until: new Date(instantMs).toISOString()});
    await this.sleepUntil(instantMs - leadMs, signal);
    const nowMs = this.world.now();
    if (nowMs <= instantMs - goLeadMs) return {kind: 'time-come', moment};
    const time = formatInstant(instantMs);
    if (offsetMs === 0 && !isResumed) {
      const why = `nothing was switched: all was to switch at ${time}, and it is ${formatInstant(nowMs)} by now`;
      return {kind: 'time-missed', why};
    }
    const later = Math.ceil((nowMs + leadMs) / 1000) * 1000;
    this.moved.set(offsetMs, later);
    await this.world.emit({kind: 'warning', message: `what was to switch at ${time} switches at ${formatInstant(later)}`});
    return {kind: 'time-come', moment};
  }

  /** Calls off whoever still stands ready. */
  callOffAll(): void {
    for (const armed of this.armed.values()) armed.callOff();
    this.armed.clear();
  }

  private async sleepUntil(timeMs: number, signal: AbortSignal): Promise<void> {
    for (let leftMs = timeMs - this.world.now(); leftMs > 0; leftMs = timeMs - this.world.now()) {
      await sleep(Math.min(leftMs, lookEveryMs), undefined, {signal});
    }
  }

  /** Tells how far apart the hosts of each time switched, by their own journals. */
  async announce(): Promise<void> {
    for (const instantMs of new Set([...this.switched.values()].map((each) => each.instantMs))) {
      const group = [...this.switched].filter(([, each]) => each.instantMs === instantMs);
      const times = group.map(([, each]) => each.atMs);
      const doubts = group
        .map(([host]) => this.clocks.get(host))
        .map((clock) => (clock === undefined ? 0 : Math.abs(clock.offsetMs) + clock.errorMs));
      await this.world.emit({
        kind: 'switched-together',
        instant: new Date(instantMs).toISOString(),
        hosts: group.length,
        spreadMs: Math.max(...times) - Math.min(...times),
        lastAfterMs: Math.max(...times) - instantMs,
        clockErrorMs: Math.ceil(Math.max(...doubts)),
      });
    }
  }
}

/** `2026-01-01T00:00:00Z`. */
export function formatInstant(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(/\.\d+Z$/, 'Z');
}
