import {type FleetState, history, releases} from './fleet-state.js';
import type {LeaseFile, Line} from './host-files.js';
import type {Operator} from './operator.js';
import type {Schedule} from './schedule.js';
import type {SimHost} from './sim-host.js';

interface Memory {
  lease: LeaseFile | undefined;
  version: number;
  epoch: number;
  live: string;
  decisions: ReadonlyMap<string, string>;
  restarts: number;
  staged: readonly string[];
}

/** Looks at the world after every event, and at nothing that drover believes of it. Each rule names the invariant that it stands for. */
export class Judge {
  readonly violations: string[] = [];
  private readonly memory = new Map<string, Memory>();
  /** When hosts of a silo last fell out of service without anybody having taken them out. */
  private readonly lossMs = new Map<string, number>();
  private readonly looksMs = new Map<string, number>();
  private readonly confirmed = new Map<string, Set<string>>();
  private serving = new Set<string>();
  private readonly late = new Set<string>();

  constructor(
    private readonly schedule: Schedule,
    private readonly fleet: FleetState,
    private readonly now: () => number,
  ) {
    for (const host of fleet.hosts) {
      this.memory.set(host.name, remember(host));
      this.confirmed.set(host.name, new Set(history));
    }
    this.serving = this.listServing();
  }

  /** A request arrives at a host long after it was given up: one that was asked for a lease or a restart does as it is told, and nothing else. */
  arrivedLate(what: string): void {
    const [verb, name = ''] = what.split(' ');
    if (verb === 'lease' || verb === 'hook') this.late.add(name);
  }

  /** What it remembers that decides what it says of the world from now on; what it knows of hosts is what they are. */
  describe(): unknown {
    return [[...this.late].sort(), [...this.confirmed].map(([name, releases]) => [name, ...[...releases].sort()])];
  }

  rule(holds: boolean, sentence: string): void {
    if (!holds) this.violations.push(sentence);
  }

  looked(operator: Operator): void {
    this.looksMs.set(operator.run, this.now());
  }

  /** Before the host is taken out. Balancers know no epochs: what a run that was fenced off had asked for is a loss to whoever goes on. */
  drains(operator: Operator, host: SimHost): void {
    if (host.verbs.readLease()?.owner !== `${operator.name}@desk`) {
      this.lossMs.set(host.silo, this.now());
      return;
    }
    const lossMs = this.lossMs.get(host.silo) ?? -1;
    if (!this.fleet.isServing(host) || lossMs >= (this.looksMs.get(operator.run) ?? -1)) return;
    const left = this.fleet.servingIn(host.silo) - 1;
    this.rule(
      left >= this.schedule.floor,
      `I2: ${operator.name} takes ${host.name} out and leaves ${left} in ${host.silo}, the floor is ${this.schedule.floor}`,
    );
  }

  /** After anything that happened on a host. */
  moved(host: SimHost, what: string, asked: {readonly run: string; readonly epoch: string | undefined} | undefined): void {
    const before = this.memory.get(host.name)!;
    if (before.version === host.disk.version && before.restarts === host.restarts) {
      this.noteLoss();
      return;
    }
    const after = remember(host);
    this.memory.set(host.name, after);
    const {verbs} = host;
    this.rule(
      after.live === '' || verbs.isStaged(after.live),
      `I1: ${host.name} serves ${short(after.live)}, which is not there whole (${what})`,
    );
    this.rule(after.epoch >= before.epoch, `I6: the epoch of ${host.name} goes from ${before.epoch} to ${after.epoch} (${what})`);
    if (what === 'lease' && before.lease !== undefined && before.lease.run !== asked?.run)
      this.rule(host.leaseLeft(before.lease) === 0, `I6: ${host.name} is leased to ${asked?.run} while ${before.lease.run} has it`);
    const [verb = ''] = what.split(/[ :]/);
    // Refused for want of room, and written all the same: it runs out by itself.
    if (verb === 'lease' && what.endsWith('the disk is full')) this.late.add(host.name);
    if (after.live !== before.live) this.judgeLive(host, {what, verb}, asked, {before, after});
    if (this.schedule.isDrained && after.restarts > before.restarts && verb === 'hook' && !this.late.has(host.name))
      this.rule(this.fleet.out.has(host.name), `I17: the app of ${host.name} restarts in rotation`);
    for (const [run, decision] of after.decisions) {
      const was = before.decisions.get(run);
      this.rule(
        was !== 'reverted' || decision === 'reverted',
        `I9: run ${run} was taken back on ${host.name} and is ${decision} now (${what})`,
      );
    }
    const last = verbs.journal().at(-1);
    if (verb === 'confirm' && last?.event === 'confirmed') this.confirmed.get(host.name)?.add(last.detail);
    this.judgePrune(host, what, before, after, verbs.journal());
    this.noteLoss();
  }

  /** What is served has changed: by whoever has the newest epoch, and with an intent that a power cut would leave. */
  private judgeLive(
    host: SimHost,
    {what, verb}: {readonly what: string; readonly verb: string},
    asked: {readonly run: string; readonly epoch: string | undefined} | undefined,
    {before, after}: {readonly before: Memory; readonly after: Memory},
  ): void {
    const {run = '', epoch} = asked ?? {};
    const intent = host.verbs.durableJournal().findLast((line) => line.run === run && line.event === 'intent');
    this.rule(intent !== undefined, `I16: ${host.name} changes (${what}), and no intent of ${run} would outlive a power cut`);
    if (what.endsWith('the power goes')) return;
    this.rule(
      epoch === undefined || Number(epoch) === before.epoch,
      `I6: ${what} with epoch ${epoch} changes ${host.name}, whose epoch is ${before.epoch}`,
    );
    this.rule(
      epoch !== undefined || before.decisions.get(run) !== 'confirmed',
      `I9: ${host.name} takes back what run ${run} had confirmed`,
    );
    const isRollback = host.disk.read(`runs/${run}/plan`)?.includes('"command":"rollback"') === true;
    this.judgeChange(host, verb, before, after, intent, isRollback);
  }

  /** A switch goes from where the intent said; a way back leads to what was good here. */
  private judgeChange(host: SimHost, what: string, before: Memory, after: Memory, intent: Line | undefined, isRollback: boolean): void {
    const [from = '', to = ''] = intent?.detail.split(' ') ?? [];
    const isSwitch = what === 'switch';
    const isGood = (release: string): boolean => release === '' || this.confirmed.get(host.name)?.has(release) === true;
    // Where the one before was never good here, the way back leads past it.
    const isBack = after.live === from || !isGood(from);
    this.rule(
      isSwitch ? before.live === from && after.live === to : before.live === to && isBack,
      `I10: ${what} of ${host.name} goes from ${short(before.live)} to ${short(after.live)}, the intent was ${short(from)} to ${short(to)}`,
    );
    if (isSwitch) {
      this.rule(!this.schedule.isDrained || this.fleet.out.has(host.name) || !host.isUp, `I17: ${host.name} switches in rotation`);
      if (!isRollback) return;
    }
    this.rule(isGood(after.live), `I8: ${host.name} goes back to ${short(after.live)}, which was never healthy there (${what})`);
  }

  /** The store has let go of these. */
  pruned(gone: readonly string[]): void {
    for (const {name, disk, verbs} of this.fleet.hosts) {
      const open = verbs.openRuns();
      const named = verbs.journal().flatMap(({run, event, detail}) => (event === 'intent' && open.includes(run) ? detail.split(' ') : []));
      const needed = new Set([...disk.list('releases/'), verbs.live, ...named]);
      for (const id of gone)
        this.rule(!needed.has(id), `I7: the store lets go of ${short(id)}, which ${name} has or an unfinished run there names`);
    }
  }

  private judgePrune(host: SimHost, what: string, before: Memory, after: Memory, journal: readonly Line[]): void {
    const gone = before.staged.filter((id) => !after.staged.includes(id));
    if (gone.length === 0) return;
    const taken = new Set(journal.filter(({event}) => event === 'reverted').map(({run}) => run));
    const proven = journal.filter(({event, run}) => event === 'confirmed' && !taken.has(run)).map(({detail}) => detail);
    const previous = proven.findLast((id) => id !== after.live && before.staged.includes(id) && host.disk.read(`pins/${id}`) === undefined);
    this.rule(!gone.includes(after.live), `I7: ${what} removes the live release of ${host.name}`);
    this.rule(
      previous === undefined || !gone.includes(previous),
      `I7: ${what} removes ${short(previous ?? '')}, the release ${host.name} would go back to`,
    );
    const open = host.verbs.openRuns().map((run) => host.disk.read(`runs/${run}/plan`) ?? '');
    this.rule(
      !open.some((plan) => gone.some((id) => plan.includes(id))),
      `I7: ${what} removes what an unfinished run of ${host.name} refers to`,
    );
  }

  private noteLoss(): void {
    const serving = this.listServing();
    for (const name of this.serving) {
      if (serving.has(name) || this.fleet.out.has(name)) continue;
      this.lossMs.set(this.fleet.host(name).silo, this.now());
    }
    this.serving = serving;
  }

  private listServing(): Set<string> {
    return new Set(this.fleet.hosts.filter((host) => this.fleet.isServing(host)).map(({name}) => name));
  }

  /** A run ended with this status, and nobody has touched its hosts since. */
  ended(who: string, exit: number, target: string | undefined, hosts: readonly SimHost[], hasWarned: boolean): void {
    if (exit === 0 && target !== undefined) {
      for (const host of hosts) {
        this.rule(
          host.verbs.live === target && host.running === target,
          `I5: ${who} ends with 0, and ${host.name} serves ${short(host.running ?? '')}`,
        );
        this.rule(!this.fleet.out.has(host.name), `I5: ${who} ends with 0, and ${host.name} is out of rotation`);
      }
    }
    // Of more than one that died before, each may have begun from another mixture; so may one of some silos.
    const isWhole = this.schedule.actors.every(({silos}) => silos === undefined);
    const died = this.schedule.actors.slice(0, -1).flatMap(({faults}) => faults.map(({kind}) => kind));
    if (
      exit === 0 &&
      who.endsWith('rollback') &&
      this.schedule.actors.length === 2 &&
      isWhole &&
      died.every((kind) => kind.startsWith('kill'))
    ) {
      const served = [...new Set(hosts.map(({running}) => short(running ?? '')))];
      this.rule(served.length === 1, `I8: ${who} ends with 0 and leaves ${served.join(' and ')} side by side`);
    }
    if ((exit !== 0 && exit !== 7) || hasWarned) return;
    for (const host of hosts)
      this.rule(host.leaseLeft() === 0 || this.late.has(host.name), `I3: ${who} ends with ${exit} and leaves a lease on ${host.name}`);
  }

  /** The world at rest: everything was recovered, nothing is under way. */
  atRest(target: string | undefined): void {
    for (const host of this.fleet.hosts) {
      const {name, verbs} = host;
      this.rule(!this.fleet.out.has(name), `I3: ${name} is left out of rotation`);
      this.rule(
        (host.running ?? '') === verbs.live,
        `I5: ${name} runs ${short(host.running ?? '')}, and current names ${short(verbs.live)}`,
      );
      this.rule(target === undefined || verbs.live === target, `I3: ${name} serves ${short(verbs.live)}, not ${short(target ?? '')}`);
      // One that leads to what is served is only unfinished business; any other would take the host away from there.
      for (const run of this.late.has(name) ? [] : verbs.openRuns()) {
        const plan = host.disk.read(`runs/${run}/plan`) ?? '';
        // One that is a rollback, or that others have worked past, is known to stay resumable until a run moves the host.
        const last = verbs.journal().findLast(({event}) => event === 'leased');
        if (plan.includes('"command":"rollback"') || last?.run !== run) continue;
        this.rule(
          plan.includes(`"to":"${verbs.live}"`),
          `I3: ${name} serves ${short(verbs.live)} and a resume of ${run} would take it elsewhere`,
        );
      }
    }
  }
}

function remember({verbs, disk, restarts}: SimHost): Memory {
  const runs = disk.list('runs/');
  return {
    version: disk.version,
    lease: verbs.readLease(),
    epoch: verbs.epoch,
    live: verbs.live,
    restarts,
    staged: disk.list('releases/'),
    decisions: new Map(runs.flatMap((run): [string, string][] => (verbs.readDecision(run) === '' ? [] : [[run, verbs.readDecision(run)]]))),
  };
}

export function short(release: string): string {
  return Object.entries(releases).find(([, id]) => id === release)?.[0] ?? (release === '' ? 'nothing' : release.slice(0, 6));
}
