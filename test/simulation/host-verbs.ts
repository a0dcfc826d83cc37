import {verbStatus} from '../../src/lib/host/verb-status.js';
import {HostFiles, type LeaseFile} from './host-files.js';
import {readState} from './read-state.js';

/** A verb that refuses. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly words: string,
    readonly lines: readonly string[] = [],
  ) {
    super(words);
  }
}

export type Values = Readonly<Record<string, string>>;

/** What a host is beside its files. */
export interface HostWorld {
  /** Seconds since boot, and which boot. */
  readonly now: number;
  readonly boot: string;
  /** For people. */
  readonly at: string;
  /** A process of its own that outlives the verb. */
  armDeadMan(watch: {
    readonly run: string;
    readonly from: string;
    readonly to: string;
    readonly seconds: number;
    readonly token: string;
  }): void;
  /** The app's own command: the running process takes up what `current` names. False: it failed. */
  restart(): boolean;
}

const status = (name: string): number => Number(Object.entries(verbStatus).find(([, each]) => each.name === name)?.[0] ?? 19);

export function refuse(name: string, words: string, lines: readonly string[] = []): never {
  throw new Refusal(status(name), words, lines);
}

/** The verbs of `src/lib/host/verbs` for a host that is only files in memory: the same order of writes and flushes, the same refusals. */
export class HostVerbs extends HostFiles {
  /** Runs one verb to its end, as in one critical section; gives the lines of its reply. Throws `Refusal`. */
  run(verb: string, values: Values, payload: string, world: HostWorld): readonly string[] {
    switch (verb) {
      case 'read-state':
        return readState(this, world);
      case 'read-plan': {
        const plan = this.disk.read(`runs/${values.run}/plan`) ?? refuse('missing', `run ${values.run} left no plan on this host`);
        return [plan];
      }
      case 'lease':
        return this.lease(values, payload, world);
      case 'renew': {
        const held = this.requireLease(values);
        this.writeLease({...held, until: world.now + Number(values.ttl), beat: world.now, boot: world.boot});
        return [];
      }
      case 'release':
        return this.release(values, world);
      case 'lease-end':
        return this.endLease(values, world);
      case 'note':
        this.requireLease(values);
        this.note(values, world, values.event ?? '', values.detail);
        this.disk.flush();
        return [];
      case 'pin': {
        const {owner} = this.requireLease(values);
        const {to = '', detail = ''} = values;
        if (this.disk.read(`pins/${to}`) !== undefined) return [];
        this.pin(to, values, world, owner, detail);
        this.note(values, world, 'pinned', to);
        this.disk.flush();
        return [];
      }
      case 'stage-open': {
        // What is lacking comes whole, and the reply says that it is there.
        const {run, id = ''} = values;
        if (run !== undefined) {
          this.disk.write(`runs/${run}/plan`, payload);
          this.disk.remove(`runs/${run}/ended`);
        }
        this.disk.write(`releases/${id}`, 'complete', true);
        this.disk.flush();
        return ['staged'];
      }
      case 'verify':
        return this.isStaged(values.id ?? '') ? [] : refuse('missing', `release ${values.id} is not on this host`);
      case 'switch':
        return this.switchTo(values, payload, world);
      case 'confirm':
        return this.confirm(values, world);
      case 'revert':
        return this.revert(values, world);
      case 'hook':
        return this.hook(values, world);
      case 'gc':
        return this.prune(values, world);
      default:
        throw new Error(`the simulated host has no verb ${verb}`);
    }
  }

  private note({run = '', epoch = '0'}: Values, world: HostWorld, event: string, detail = ''): void {
    this.record(world.at, epoch, run, event, detail);
  }

  private pin(release: string, {run = '', id = ''}: Values, world: HostWorld, owner: string, why: string): void {
    this.writePin(release, {run, owner, why, snapshot: id, at: world.at});
  }

  private isHolder({run, epoch}: Values): boolean {
    const lease = this.readLease();
    return this.epoch === Number(epoch) && lease?.run === run && lease?.epoch === Number(epoch);
  }

  private requireLease(values: Values): LeaseFile {
    const lease = this.readLease();
    if (lease !== undefined && this.isHolder(values)) return lease;
    return refuse('fenced', `this host was taken over: epoch is ${this.epoch}, this run has ${values.epoch}`, this.printLease(undefined));
  }

  /** Lines of a reply that tell who has the host. */
  printLease(world: HostWorld | undefined): readonly string[] {
    const lease = this.readLease();
    if (lease === undefined) return [];
    const left = world === undefined ? 0 : this.leaseLeft(lease, world);
    return [
      `lease-run ${lease.run}`,
      `lease-owner ${lease.owner}`,
      `lease-reason ${lease.reason}`,
      `lease-left ${left}`,
      `lease-epoch ${lease.epoch}`,
      `lease-since ${lease.since}`,
    ];
  }

  /** Seconds; 0 when it has run out or the host rebooted since. */
  leaseLeft(lease: LeaseFile, world: Pick<HostWorld, 'now' | 'boot'>): number {
    return lease.boot === world.boot ? Math.max(0, lease.until - world.now) : 0;
  }

  private lease(values: Values, plan: string, world: HostWorld): readonly string[] {
    const {run = '', from = '', to = '', kind, ttl, owner = '', reason = '', event = ''} = values;
    const held = this.readLease();
    if (held !== undefined && held.run !== run && this.leaseLeft(held, world) > 0)
      refuse('leased', `leased by ${held.owner} for run ${held.run}`, this.printLease(world));
    if (`${from}${event}` !== '' && this.live !== from && this.live !== to)
      refuse('conflict', `serves ${this.live || 'nothing'}, the plan expects ${from || 'nothing'}`);
    const pin = this.disk.read(`pins/${to}`);
    if (to !== '' && this.live !== to && kind !== 'allow-pinned' && pin !== undefined && !pin.includes(` ${run} `))
      refuse('pinned', `release ${to} was taken back here and is pinned out`);
    if (plan !== '') this.disk.write(`runs/${run}/plan`, plan);
    this.disk.remove(`runs/${run}/ended`);
    const epoch = this.epoch + 1;
    this.disk.write('epoch', String(epoch), true);
    this.writeLease({run, epoch, owner, reason, boot: world.boot, until: world.now + Number(ttl), since: world.at, beat: world.now});
    this.note({...values, epoch: String(epoch)}, world, 'leased', owner);
    this.disk.flush();
    return [`epoch ${epoch}`];
  }

  private release(values: Values, world: HostWorld): readonly string[] {
    const {run = '', epoch = '', kind, detail} = values;
    const held = this.readLease();
    const end = (): void => {
      this.note(values, world, 'ended', detail);
      this.disk.write(`runs/${run}/ended`, '');
    };
    const isOpen = this.disk.read(`runs/${run}/ended`) === undefined;
    if (epoch === '') {
      if (held?.run === run) refuse('fenced', 'the run holds the lease of this host');
      if (isOpen && this.disk.read(`runs/${run}/plan`) !== undefined) end();
      return [];
    }
    const isMine = this.isHolder(values);
    if (kind === 'ended' && this.epoch === Number(epoch) && isOpen) end();
    if (isMine) this.disk.remove('lease');
    else if (held !== undefined) refuse('fenced', 'the lease is not ours any more', this.printLease(world));
    this.disk.flush();
    return [];
  }

  private endLease(values: Values, world: HostWorld): readonly string[] {
    const held = this.readLease();
    if (held === undefined) return ['none'];
    const isAlive = this.leaseLeft(held, world) > 0 && values.kind !== 'takeover';
    if (held.run !== values.run || held.epoch !== Number(values.expect) || isAlive)
      refuse('leased', `leased by ${held.owner} for run ${held.run}`, this.printLease(world));
    const epoch = this.epoch + 1;
    this.disk.write('epoch', String(epoch), true);
    this.disk.remove('lease');
    this.note({...values, epoch: String(epoch)}, world, 'lease-ended', `${values.owner}: ${values.reason}`);
    this.disk.flush();
    return ['ended'];
  }

  private switchTo(values: Values, restart: string, world: HostWorld): readonly string[] {
    const {run = '', from = '', to = '', seconds = '0'} = values;
    this.requireLease(values);
    if (to === '' || !this.isStaged(to)) refuse('missing', `release ${to} is not on this host`);
    const decision = this.readDecision(run);
    if (decision === 'reverted') refuse('reverted-itself', 'this host took the release back by itself; nobody confirmed it in time');
    if (this.live === to) {
      const restarted = this.lastDetail(run, 'restarted') === to ? ['restarted'] : [];
      const armed = this.disk.read(`runs/${run}/armed`) ?? '';
      if (this.lastDetail(run, 'intent') === undefined) {
        this.settleOlder(run);
        this.note(values, world, 'intent', `${to} ${to}`);
      } else if (decision === '' && armed !== '' && armed !== world.boot && Number(seconds) > 0) this.arm(values, world);
      this.disk.flush();
      return [...restarted, 'unchanged'];
    }
    if (this.live !== from) refuse('conflict', `serves ${this.live || 'nothing'}, the plan expects ${from || 'nothing'}`);
    if (restart !== '') this.disk.write(`runs/${run}/restart`, restart);
    this.settleOlder(run);
    this.note(values, world, 'intent', `${from} ${to}`);
    this.disk.flush();
    if (Number(seconds) > 0 && this.isHome(from)) this.arm(values, world);
    this.disk.write('current', to, true);
    this.disk.flush();
    this.note(values, world, 'switched', `${from} ${to}`);
    this.disk.flush();
    return ['switched'];
  }

  private settleOlder(run: string): void {
    for (const other of this.openRuns()) if (other !== run) this.disk.write(`runs/${other}/ended`, '');
  }

  private isHome(release: string): boolean {
    const lines = this.journal();
    const isBrought = lines.some(
      ({event, detail}) => event === 'intent' && detail.endsWith(` ${release}`) && detail !== `${release} ${release}`,
    );
    return release === '' || !isBrought || lines.some(({event, detail}) => event === 'confirmed' && detail === release);
  }

  private findHome(release: string, left: string): string {
    if (this.isHome(release)) return release;
    const home = this.listProven().find((id) => id !== left);
    return home ?? refuse('missing', `release ${release} was never healthy here, and no other one was`);
  }

  /** Releases that were confirmed here by a run that did not take them back, are whole and not pinned out; newest first. */
  private listProven(): readonly string[] {
    const journal = this.journal();
    const taken = new Set(journal.filter(({event}) => event === 'reverted').map(({run}) => run));
    const confirmed = journal.filter(({event, run}) => event === 'confirmed' && !taken.has(run)).map(({detail}) => detail);
    const staged = this.disk.list('releases/');
    return [...new Set(confirmed.reverse())].filter((id) => staged.includes(id) && this.disk.read(`pins/${id}`) === undefined);
  }

  private arm({run = '', from = '', to = '', seconds}: Values, world: HostWorld): void {
    const token = `${world.boot}.${world.now}`;
    this.disk.write(`runs/${run}/armed`, world.boot);
    this.disk.write(`runs/${run}/watch`, token);
    world.armDeadMan({run, from, to, seconds: Number(seconds), token});
  }

  private confirm(values: Values, world: HostWorld): readonly string[] {
    const {run = '', to = '', from = '', detail = ''} = values;
    const {owner} = this.requireLease(values);
    const decision = this.readDecision(run);
    if (decision === 'reverted') refuse('reverted-itself', 'this host took the release back by itself; nobody confirmed it in time');
    if (to === '' || this.live !== to) refuse('conflict', `serves ${this.live || 'nothing'}, not ${to}`);
    if (decision === 'confirmed' && this.lastDetail(run, 'confirmed') === to) return ['unchanged'];
    if (detail !== '' && from !== '') this.pin(from, values, world, owner, detail);
    this.disk.remove(`pins/${to}`);
    this.decide(run, 'confirmed');
    this.note(values, world, 'confirmed', to);
    this.disk.flush();
    return [];
  }

  private revert(values: Values, world: HostWorld): readonly string[] {
    const {run = '', detail = ''} = values;
    const {owner} = this.requireLease(values);
    const intent = this.lastDetail(run, 'intent');
    if (intent === undefined) return ['unchanged', `live ${this.live}`];
    const [before = '', to = ''] = [intent.slice(0, intent.indexOf(' ')), intent.slice(intent.lastIndexOf(' ') + 1)];
    const from = before === to ? to : this.findHome(before, to);
    this.decide(run, 'reverted');
    if (from === to) {
      this.disk.flush();
      return ['unchanged', `live ${this.live}`];
    }
    if (detail !== '') this.pin(to, values, world, owner, detail);
    const reply = [`from ${to}`, `to ${from}`];
    if (this.live === from) {
      if (this.lastDetail(run, 'reverted') === undefined) this.note(values, world, 'reverted', `${to} ${from}`);
      this.disk.flush();
      return [...reply, 'unchanged', `live ${this.live}`];
    }
    if (this.live !== to) refuse('conflict', `serves ${this.live || 'nothing'}, neither ${to} nor ${from || 'nothing'}`);
    if (from !== '' && !this.isStaged(from)) refuse('missing', `release ${from} is not on this host any more`);
    this.note(values, world, 'reverting', `${to} ${from}`);
    this.disk.flush();
    if (from === '') this.disk.remove('current');
    else this.disk.write('current', from, true);
    this.disk.flush();
    this.note(values, world, 'reverted', `${to} ${from}`);
    this.disk.flush();
    return [...reply, `live ${from}`];
  }

  /** What the dead-man's switch does when its time is up. True: it took the release back. */
  fireDeadMan(
    {run, from, to, token}: {readonly run: string; readonly from: string; readonly to: string; readonly token: string},
    world: HostWorld,
  ): boolean {
    const isWatched = this.disk.read(`runs/${run}/watch`) === token;
    if (!isWatched || this.isDecided(run) || this.live !== to || (from !== '' && !this.isStaged(from))) return false;
    this.disk.write(`runs/${run}/decision`, 'reverted');
    if (from === '') this.disk.remove('current');
    else this.disk.write('current', from, true);
    this.record(world.at, 'dead-man', run, 'reverted', `${to} ${from}`);
    this.disk.flush();
    if ((this.disk.read(`runs/${run}/restart`) ?? '') !== '' && from !== '') world.restart();
    return true;
  }

  /** Confirmed or taken back, or another run is answerable for what is served. */
  private isDecided(run: string): boolean {
    const last = this.journal().findLast(({event}) => event === 'intent' || event === 'confirmed' || event === 'reverted');
    return this.readDecision(run) !== '' || last?.run !== run || last.event !== 'intent';
  }

  private hook(values: Values, world: HostWorld): readonly string[] {
    if ((values.epoch ?? '') !== '') this.requireLease(values);
    const isDone = world.restart();
    if (isDone && (values.event ?? '') !== '' && this.isHolder(values)) this.note(values, world, values.event ?? '', values.to);
    return [`hook-status ${isDone ? 0 : 1}`, 'output'];
  }

  private prune({keep = '', protect = ''}: Values, world: HostWorld): readonly string[] {
    const journal = this.journal();
    const staged = this.disk.list('releases/');
    const proven = this.listProven();
    const previous = proven.find((id) => id !== this.live);
    const open = this.openRuns();
    const named = [
      ...open.map((run) => this.disk.read(`runs/${run}/plan`) ?? ''),
      ...journal.filter(({run, event}) => open.includes(run) && event === 'intent').map(({detail}) => detail),
    ].join('\n');
    const pinned = this.disk.list('pins/').slice(0, Number(keep));
    const kept = new Set([this.live, ...protect.split(' '), ...(previous === undefined ? [] : [previous]), ...pinned]);
    const others = staged.filter((id) => !proven.includes(id));
    const old = [...proven.slice(Number(keep)), ...others.slice(Number(keep))].filter((id) => !kept.has(id) && !named.includes(id));
    for (const id of old) {
      this.disk.remove(`releases/${id}`);
      this.note({run: 'prune', epoch: '0'}, world, 'removed', id);
    }
    return old.map((id) => `removed ${id}`);
  }
}
