import type {SeededRandom} from '../rollout/seeded-random.js';
import type {Schedule} from './schedule.js';
import {type HostWatcher, SimHost} from './sim-host.js';
import type {VirtualClock} from './virtual-clock.js';

const letters = ['a', 'b', 'c', 'd', 'e'] as const;

/** Ids of releases: short names for traces, 64 digits for the code. */
export const releases = Object.fromEntries(letters.map((letter) => [letter, letter.repeat(64)])) as Record<
  (typeof letters)[number],
  string
>;

/** Served before anything happens, and before that: `c`, `d` and `a`, each confirmed. `b` is new, `e` is another new one. */
export const history = [releases.d, releases.c, releases.a];

/** In the store, and on no host. */
export const forgotten = ['1', '2'].map((digit) => digit.repeat(64));

/** Hosts, and the balancers' view of them. */
export class FleetState {
  readonly hosts: readonly SimHost[];
  /** Hosts that the balancers were told to take out. */
  readonly out = new Set<string>();

  constructor(schedule: Schedule, clock: VirtualClock, random: SeededRandom, watcher: HostWatcher) {
    const bad = new Set([releases.b]);
    this.hosts = schedule.silos.flatMap((size, index) =>
      Array.from({length: size}, (_, place) => {
        const silo = ['eu', 'us', 'ap'][index] ?? `s${index}`;
        const name = `${silo}-${place + 1}`;
        return new SimHost(name, silo, clock, random, schedule.badOn.includes(name) ? bad : new Set(), watcher);
      }),
    );
    for (const host of this.hosts) layIn(host);
  }

  host(name: string): SimHost {
    const host = this.hosts.find((each) => each.name === name);
    if (host === undefined) throw new Error(`no host ${name}`);
    return host;
  }

  isServing(host: SimHost): boolean {
    return host.isHealthy && !this.out.has(host.name);
  }

  servingIn(silo: string): number {
    return this.hosts.filter((host) => host.silo === silo && this.isServing(host)).length;
  }

  /** `Aab!`: the release that each process serves, a capital in rotation, `!` down, `*` where `current` names another one. */
  glyphs(): string {
    return this.hosts
      .map((host) => {
        const letter = host.running?.[0] ?? '-';
        const shown = !host.isUp ? '!' : this.out.has(host.name) ? letter : letter.toUpperCase();
        return `${shown}${host.verbs.live === (host.running ?? '') ? '' : '*'}`;
      })
      .join('');
  }
}

/** Everything staged, `history` deployed one after another. */
function layIn(host: SimHost): void {
  const {disk, verbs} = host;
  for (const id of Object.values(releases)) disk.write(`releases/${id}`, 'complete', true);
  for (const [index, id] of history.entries()) {
    const run = `20260101-00000${index}-0000`;
    verbs.record('0s', index + 1, run, 'intent', `${history[index - 1] ?? ''} ${id}`);
    verbs.record('0s', index + 1, run, 'confirmed', id);
    verbs.decide(run, 'confirmed');
    disk.write(`runs/${run}/plan`, '{}', true);
    disk.write(`runs/${run}/ended`, '', true);
  }
  disk.write('epoch', String(history.length), true);
  disk.write('current', releases.a, true);
  disk.flush();
  host.running = releases.a;
}
