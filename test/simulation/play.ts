import {DroverError} from '../../src/lib/errors/drover-error.js';
import type {Happening} from '../../src/lib/events/event.js';
import type {App} from '../../src/lib/inventory/app.js';
import type {AppName, Host, HostName, Inventory, RoleName, SiloName} from '../../src/lib/inventory/host.js';
import {makeDefaultRoll} from '../../src/lib/inventory/roll-schema.js';
import {deployApp} from '../../src/lib/operations/deploy-app.js';
import {resumeRun} from '../../src/lib/operations/resume-run.js';
import {rollbackApp} from '../../src/lib/operations/rollback-app.js';
import type {RunEnd} from '../../src/lib/operations/run-end.js';
import type {World} from '../../src/lib/operations/world.js';
import {type SeededRandom, seedRandom} from '../rollout/seeded-random.js';
import {FleetState, releases} from './fleet-state.js';
import {Judge, short} from './judge.js';
import {Operator, type OperatorWatcher} from './operator.js';
import type {Actor, Schedule} from './schedule.js';
import type {HostWatcher} from './sim-host.js';
import {pruneAll, store} from './stocked-store.js';
import {type Life, startClock, type VirtualClock} from './virtual-clock.js';
import {keyRest, keyWorld} from './world-key.js';

export interface Played {
  readonly violations: readonly string[];
  /** One line for each event; empty unless it was asked for. */
  readonly trace: readonly string[];
  /** Writes on a host's disk of each call that each actor made, in order; undefined for a call to the balancers. */
  readonly calls: readonly (readonly (number | undefined)[])[];
  /** What happened on hosts and balancers. */
  readonly events: number;
  /** How each actor ended: its exit status, or `killed`. */
  readonly ends: readonly string[];
  /** It came to a world from which another one of `known` had gone on with the same ahead of it, and was not played any further. */
  readonly isKnown: boolean;
  /** Of the world from which the last actor that waits for the others went on. */
  readonly key: string;
}

export interface PlayOptions {
  readonly isTraced?: boolean;
  /** Worlds that were played to their end; a new one is added. Nothing is compared where it is left out. */
  readonly known?: Set<string>;
  /** Ends with the actors: the fleet is not brought to rest. */
  readonly isOpenEnded?: boolean;
}

const mostEvents = 200_000;
const epochMs = Date.UTC(2026, 0, 2);

/** Plays a schedule to its end: the real operations on simulated hosts, then what brings any fleet to rest. */
export async function play(schedule: Schedule, {isTraced = false, known, isOpenEnded = false}: PlayOptions = {}): Promise<Played> {
  const clock = startClock();
  const stage = new Stage(schedule, clock, isTraced);
  const runs: Run[] = [];
  let operators = 0;
  const start = (actor: Actor): void => {
    const run: Run = {done: false};
    runs.push(run);
    clock.after(
      actor.startMs,
      () =>
        void stage.act(actor, ++operators, run).then(
          () => {
            run.done = true;
          },
          (error: unknown) => {
            run.done = true;
            stage.judge.rule(false, `a bug is thrown: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
          },
        ),
      null,
    );
  };
  const tell = (isKnown: boolean): Played => ({
    ...{violations: stage.judge.violations, trace: stage.trace, events: stage.events, ends: stage.ends, isKnown, key},
    calls: stage.operators.map(({writes, calls}) => Array.from({length: calls}, (_, index) => writes[index])),
  });
  let key = '';
  const isNew = (world: string | undefined): boolean => {
    if (known === undefined || world === undefined) return true;
    const {size} = known;
    return known.add(world).size > size;
  };
  for (const [index, actor] of schedule.actors.entries()) {
    if (actor.isAfter === true) {
      await stage.settle(runs);
      await stage.beginAnew();
      key = stage.keyNow(index);
      if (!isNew(key)) return tell(true);
    }
    start(actor);
  }
  await stage.settle(runs);
  if (isOpenEnded) return tell(false);
  const told = tell(false);
  await stage.letTimePass();
  if (!isNew(stage.keyRest())) return tell(true);
  await stage.bringToRest();
  return {...tell(false), calls: told.calls};
}

/** One command under way. */
interface Run {
  done: boolean;
  life?: Life;
}

class Stage {
  readonly trace: string[] = [];
  events = 0;
  readonly ends: string[] = [];
  readonly operators: Operator[] = [];
  /** Who was told that a lease was not given back. */
  private readonly warned = new Set<string>();
  readonly fleet: FleetState;
  readonly judge: Judge;
  private readonly random: SeededRandom;
  private seeded: SeededRandom;
  private readonly watcher: OperatorWatcher;
  private readonly inventory: Inventory;

  constructor(
    private readonly schedule: Schedule,
    private readonly clock: VirtualClock,
    private readonly isTraced: boolean,
  ) {
    this.seeded = seedRandom(schedule.seed);
    this.random = {
      next: () => this.seeded.next(),
      below: (limit) => this.seeded.below(limit),
      chance: (share) => this.seeded.chance(share),
      pick: (choices) => this.seeded.pick(choices),
    };
    const hosts: HostWatcher = {
      moved: (host, what, asked) => {
        this.judge.moved(host, what, asked);
        if (asked !== undefined || !what.startsWith('read-state')) this.note(`${host.name} ${what}`);
      },
    };
    this.fleet = new FleetState(schedule, clock, this.random, hosts);
    this.judge = new Judge(schedule, this.fleet, () => clock.nowMs);
    this.watcher = {
      told: (who, words) => this.note(`  ${who}: ${words}`),
      arrivedLate: (what) => this.judge.arrivedLate(what),
      looked: (operator) => this.judge.looked(operator),
      drained: (operator, host) => {
        this.judge.drains(operator, host);
        this.fleet.out.add(host.name);
        this.note(`${host.name} is out`);
      },
      admitted: (_operator, host) => {
        this.fleet.out.delete(host.name);
        this.note(`${host.name} is in`);
      },
    };
    const members = this.fleet.hosts.map(
      ({name, silo}): Host => ({
        name: name as HostName,
        silo: silo as SiloName,
        roles: ['web' as RoleName],
        ssh: {link: 'auto', connectTimeoutMs: 10_000},
      }),
    );
    this.inventory = {file: 'inventory.yml', hosts: members} as unknown as Inventory;
  }

  private note(words: string): void {
    this.events++;
    if (this.isTraced) this.trace.push(`${(this.clock.nowMs / 1000).toFixed(3).padStart(9)} s  [${this.fleet.glyphs()}]  ${words}`);
  }

  /** Lets everything that was started come to its end, unless its operator is dead. */
  async settle(runs: readonly Run[]): Promise<void> {
    const isOver = (): boolean => runs.every((run) => run.done || run.life?.alive === false);
    if (!(await this.clock.run(isOver, mostEvents))) this.judge.rule(false, 'I15: a run does not end');
  }

  /** The next whole second, and random numbers from the start: what comes next depends on the world alone, and not on how it came about. */
  async beginAnew(): Promise<void> {
    await this.clock.pass((-this.clock.nowMs % 1000) + 1000);
    this.seeded = seedRandom(this.schedule.seed);
  }

  /** The world and what is ahead of it, before the actor of this place begins. */
  keyNow(place: number): string {
    const {actors, ...more} = this.schedule;
    const past = actors.slice(0, place);
    const isKilled = past.every(({faults}) => faults.every(({kind}) => kind.startsWith('kill')));
    const ahead = [more, past.map(({command, silos}) => [command, silos]), isKilled, this.listAlive(), actors.slice(place)];
    return keyWorld({fleet: this.fleet, judge: this.judge, clock: this.clock, ahead});
  }

  keyRest(): string | undefined {
    const {actors: _, ...more} = this.schedule;
    return keyRest({fleet: this.fleet, judge: this.judge, clock: this.clock, ahead: [more, this.listAlive()]});
  }

  private listAlive(): readonly boolean[] {
    return this.operators.map(({life}) => life.alive);
  }

  async act(actor: Actor, number: number, begun: Run): Promise<void> {
    const name = ['ana', 'ben', 'cleo', 'dora', 'emil', 'fay'][number - 1] ?? `op${number}`;
    const run = `20260102-${String(Math.floor(this.clock.nowMs / 1000))
      .padStart(6, '0')
      .slice(-6)}-${name.padEnd(4, '0').slice(0, 4)}`;
    const operator = new Operator(name, run, actor.faults, this.fleet, this.clock, this.random, this.watcher, this.schedule.isDrained);
    this.operators.push(operator);
    begun.life = operator.life;
    this.clock.acting = operator.life;
    const end = await this.conduct(actor, operator);
    this.ends.push(end);
    this.note(`${name}'s ${actor.command} ends: ${end}`);
  }

  /** Runs a command as the program would; gives its exit status in words. */
  private async conduct(actor: Actor, operator: Operator): Promise<string> {
    const hosts = this.inventory.hosts.filter(({silo}) => actor.silos?.includes(silo) !== false);
    const target = actor.command === 'deploy' ? releases.b : actor.command === 'other-deploy' ? releases.e : undefined;
    let end: RunEnd;
    try {
      end = await this.carry(actor, operator, hosts);
    } catch (error) {
      if (!(error instanceof DroverError)) throw error;
      return `${error.exit} ${error.message}`;
    }
    if (actor.command === 'prune') return `${end.exit} ${end.outcome}`;
    const isAlone = this.operators.filter(({life}) => life.alive).length === 1;
    if (isAlone)
      this.judge.ended(
        `${operator.name}'s ${actor.command}`,
        end.exit,
        target,
        hosts.map(({name}) => this.fleet.host(name)),
        this.warned.has(operator.name),
      );
    return `${end.exit} ${end.outcome}`;
  }

  private carry({command, waitLeaseMs = 0}: Actor, operator: Operator, hosts: readonly Host[]): Promise<RunEnd> {
    const app = this.makeApp();
    const world = this.makeWorld(operator, app);
    const approve = async (): Promise<boolean> => true;
    const {balancer} = operator;
    const common = {ignoreEmbargo: false, pastContract: false, approve, waitLeaseMs, balancer, hosts, app};
    switch (command) {
      case 'deploy':
      case 'other-deploy':
        return deployApp(world, {
          ...common,
          store,
          skip: new Set(),
          snapshot: command === 'deploy' ? releases.b : releases.e,
          unsafe: ['allow-pinned'],
        });
      case 'rollback':
        return rollbackApp(world, {...common, to: undefined, openStore: () => store});
      case 'resume':
        return resumeRun(world, {
          project: world.project,
          run: undefined,
          waitLeaseMs,
          openStore: async () => store,
          openBalancer: () => balancer,
          approve,
        });
      case 'prune':
        return pruneAll(world, app, (gone) => {
          this.judge.pruned(gone);
          this.note(`the store lets go of ${gone.map(short).join(' ')}`);
        });
    }
  }

  private makeApp(): App {
    const {floor, budget, soakMs, confirmMs, isDrained} = this.schedule;
    const drain = {kind: 'exec' as const, drain: 'out', admit: 'in', waitMs: 1000, then: 'close' as const};
    return {
      ...{name: 'shop' as AppName, source: {parts: [], onConflict: 'error'}, ignore: [], root: '/srv/shop', hosts: 'role:web', link: {}},
      ...(isDrained ? {drain} : {}),
      restart: 'reload',
      health: [{kind: 'run', command: 'check', timeoutMs: 5000, intervalMs: 1000, rise: 1, deadlineMs: 10_000}],
      roll: {...makeDefaultRoll(), floor: {kind: 'count', count: floor}, budget, soakMs, confirmMs, keep: 2},
    };
  }

  private makeWorld(operator: Operator, app: App): World {
    const hear = (happening: Happening): void => {
      if (happening.kind === 'warning' && happening.message.startsWith('the lease was not given back')) this.warned.add(operator.name);
      if (happening.kind === 'warning') this.note(`  ${operator.name}: ! ${happening.message}`);
      if (happening.kind === 'planned' || happening.kind === 'rolling-back') this.note(`  ${operator.name}: ${happening.kind}`);
    };
    return {
      project: {file: 'drover.yml', inventory: 'inventory.yml', apps: new Map([[app.name, app]]), store: '', events: []},
      inventory: this.inventory,
      links: operator.links,
      emit: async (happening) => hear(happening),
      ...{run: operator.run, operator: `${operator.name}@desk`, reason: 'because', concurrency: 64},
      now: () => epochMs + this.clock.nowMs,
      random: () => this.random.next(),
      interrupted: operator.interrupted.signal,
      signal: new AbortController().signal,
    };
  }

  /** With every other seed no dead-man's switch is left that could still fire. */
  async letTimePass(): Promise<void> {
    await this.clock.pass(this.schedule.seed % 2 === 0 ? 200_000 : 400_000);
    await this.beginAnew();
  }

  /**
   * What I3 promises: whatever happened, a resume and then a deploy, each without anything going wrong, end within a lease and a run, with
   * every host on one release, in rotation, and nothing left over.
   */
  async bringToRest(): Promise<void> {
    const last = async (actor: Omit<Actor, 'faults'>): Promise<void> => {
      const run: Run = {done: false};
      void this.act({...actor, faults: []}, this.operators.length + 1, run).then(
        () => {
          run.done = true;
        },
        (error: unknown) => {
          run.done = true;
          this.judge.rule(false, `a bug is thrown: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
        },
      );
      if (!(await this.clock.run(() => run.done, mostEvents)))
        this.judge.rule(false, `I15: a ${actor.command} without any fault does not end`);
    };
    await last({command: 'resume', startMs: 0, waitLeaseMs: 300_000});
    await last({command: 'other-deploy', startMs: 0, waitLeaseMs: 300_000});
    await this.clock.pass(900_000);
    this.judge.atRest(releases.e);
  }
}
