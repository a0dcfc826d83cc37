import {type MoveStep, type RolloutPlan, stepsBack} from '../../src/lib/rollout/plan.js';
import type {Answer, Effect, RolloutEvent, RolloutState} from '../../src/lib/rollout/state.js';
import type {FleetModel} from './fleet-model.js';
import {judgeEnd} from './judge-end.js';

type StepEffect = Extract<Effect, {kind: 'step'}>;

/** Looks again this often before a floor may end a run; twice as often is a run that does not end. */
const patience = 24;

/**
 * Watches what a run asks for and compares it with the world. Knows nothing of the run's own book-keeping: it counts effects and results
 * itself. Each rule is one sentence.
 */
export class Referee {
  readonly violations: string[] = [];
  /** Hosts that the run gave any step. */
  readonly touched = new Set<string>();
  /** Hosts that went the whole way forward and have not begun to go back. */
  readonly arrived = new Set<string>();
  /** Hosts that went the whole way back. */
  readonly returned = new Set<string>();
  /** Hosts for which the run can do no more: their way back failed, or another run has them. */
  readonly beyondHelp = new Set<string>();
  readonly lost = new Set<string>();
  /** Silos in which nothing could be started for as long as patience lasts. */
  readonly starved = new Set<string>();
  readonly inHand = new Map<string, StepEffect>();
  readonly wavesStarted: string[] = [];
  readonly finalOutcomes = new Map<string, string>();
  /** What ended the way forward, as far as the events told. */
  stopped: string | undefined;
  turned = false;
  fencedFirst = false;
  interrupted = false;
  /** Hosts in hand when the interrupt came. */
  handAtInterrupt: readonly string[] = [];
  ends = 0;
  refusedLease = false;

  private readonly leases = new Set<string>();
  readonly everLeased = new Set<string>();
  private readonly released = new Set<string>();
  private readonly issued = new Set<string>();
  private readonly reading = new Set<string>();
  private readonly fruitless = new Map<string, number>();
  private readonly draining = new Set<string>();
  private readonly first: {readonly forward: MoveStep | undefined; readonly back: MoveStep | undefined};
  private openWave: string | undefined;
  private reads = 0;

  constructor(
    readonly plan: RolloutPlan,
    readonly model: FleetModel,
  ) {
    this.first = {forward: plan.steps[0], back: stepsBack(plan.steps)[0]};
    for (const host of plan.hosts) if (host.earlier !== undefined || plan.back !== undefined) this.touched.add(host.name);
    this.turned = plan.back !== undefined;
  }

  watch(before: RolloutState, event: RolloutEvent, answer: Answer): void {
    if (this.ends > 0) return this.rule(answer.effects.length === 0, `nothing follows the end, but ${event.kind} did something`);
    this.hear(before, event);
    const view = new Set(event.kind === 'rotation' ? event.serving : []);
    for (const effect of answer.effects) this.see(event, view, effect);
    this.countPatience(event, answer);
    const silos = new Set(this.plan.hosts.map((host) => host.silo)).size;
    const most = (this.plan.waves.length + 4 * this.plan.hosts.length + silos) * (patience + 2);
    this.rule(this.reads <= most, `the balancers are asked ${this.reads} times, at most ${most} can be of use`);
  }

  /** After the last event. */
  close(cutShort: boolean): void {
    this.rule(!cutShort, 'the run ends within a bounded number of events');
    if (!cutShort) this.rule(this.ends === 1, `the run ends once, not ${this.ends} times`);
  }

  rule(holds: boolean, sentence: string): void {
    if (!holds) this.violations.push(sentence);
  }

  private hear(before: RolloutState, event: RolloutEvent): void {
    switch (event.kind) {
      case 'leased':
        this.leases.add(event.host);
        this.everLeased.add(event.host);
        if (this.plan.hosts.find((host) => host.name === event.host)?.earlier === 'done' && this.plan.back === undefined)
          this.arrived.add(event.host);
        return;
      case 'lease-failed':
        this.lost.add(event.host);
        this.refusedLease ||= event.code === 'leased';
        if (event.code === 'leased') this.stopped ??= 'leased';
        return;
      case 'step-done':
        return this.hearDone(event.host, event.step);
      case 'step-failed':
        return this.hearFailed(event);
      case 'rotation':
        this.reading.delete(event.silo);
        return;
      case 'rotation-failed':
        this.reading.delete(event.silo);
        if (!this.turned) this.stopped ??= 'rotation';
        return;
      case 'soaked':
        if (event.failed.length === 0 || before.phase !== 'soaking') return;
        for (const {host} of event.failed) this.arrived.delete(host);
        this.stopped ??= 'soak';
        this.turned ||= this.plan.command === 'deploy';
        return;
      case 'interrupt':
        if (before.stop !== undefined || before.phase === 'releasing') return;
        this.interrupted = true;
        this.stopped ??= 'interrupt';
        this.handAtInterrupt = [...this.inHand.keys()];
        return;
      case 'begin':
      case 'released':
        return;
    }
  }

  private hearDone(host: string, step: MoveStep): void {
    const effect = this.inHand.get(host);
    this.rule(effect?.step === step, `${step} of ${host} was asked for before it was done`);
    this.inHand.delete(host);
    this.draining.delete(host);
    if (effect === undefined) return;
    const steps = effect.direction === 'forward' ? this.plan.steps : stepsBack(this.plan.steps);
    if (step !== steps.at(-1)) return;
    if (effect.direction === 'back') this.returned.add(host);
    else if (!this.turned) this.arrived.add(host);
  }

  private hearFailed(event: Extract<RolloutEvent, {kind: 'step-failed'}>): void {
    const {host, blame} = event;
    const direction = this.inHand.get(host)?.direction;
    this.inHand.delete(host);
    this.draining.delete(host);
    if (blame === 'fenced' || direction === 'back') this.beyondHelp.add(host);
    if (direction === 'back') return;
    if (blame === 'fenced') {
      if (!this.turned) this.fencedFirst = true;
      this.stopped ??= 'fenced';
      return;
    }
    const isRelease = blame === 'release' && this.plan.command === 'deploy';
    if (!isRelease) this.lost.add(host);
    if (!isRelease && this.lost.size <= this.plan.budget) return;
    this.stopped ??= isRelease ? 'release' : 'budget';
    if (this.plan.command === 'deploy' && !this.fencedFirst) this.turned = true;
  }

  private see(event: RolloutEvent, view: ReadonlySet<string>, effect: Effect): void {
    switch (effect.kind) {
      case 'lease':
        this.rule(event.kind === 'begin' && !this.interrupted, `${effect.host} is leased at the beginning`);
        return;
      case 'step':
        return this.seeStep(event, view, effect);
      case 'read-rotation':
        this.rule(!this.reading.has(effect.silo), `the balancers of ${effect.silo} are asked once at a time`);
        this.reading.add(effect.silo);
        this.reads++;
        return;
      case 'soak':
        this.rule(this.stopped === undefined && this.inHand.size === 0, 'a soak follows a wave that has ended well');
        this.rule(
          effect.hosts.every((host) => this.arrived.has(host)),
          'a soak looks at hosts that have arrived',
        );
        return;
      case 'announce':
        return this.seeAnnouncement(effect);
      case 'release':
        this.rule(this.leases.has(effect.host) && !this.released.has(effect.host), `the lease of ${effect.host} is given back once`);
        this.rule(this.inHand.size === 0, `no lease is given back while ${[...this.inHand.keys()].join(', ')} is in hand`);
        this.rule(
          effect.ended === undefined || !this.isUnfinished(effect.host),
          `the run stays open on ${effect.host}, which is neither done nor back`,
        );
        this.released.add(effect.host);
        this.leases.delete(effect.host);
        return;
      case 'end':
        this.ends++;
        this.rule(this.leases.size === 0, `the lease of ${[...this.leases].join(', ')} is given back before the end`);
        this.rule(this.openWave === undefined, `wave ${this.openWave} has ended before the run`);
        judgeEnd(this, effect);
    }
  }

  private seeStep(event: RolloutEvent, view: ReadonlySet<string>, effect: StepEffect): void {
    const {host, step, direction} = effect;
    const key = `${direction} ${step} of ${host}`;
    this.rule(this.leases.has(host), `${key} happens under a lease`);
    this.rule(!this.inHand.has(host), `${key} begins after the step before has ended`);
    this.rule(!this.issued.has(key), `${key} happens once`);
    this.rule(!this.beyondHelp.has(host), `${key}: a host that is beyond help is left alone`);
    this.rule(direction === 'forward' ? !this.turned : this.turned, `${key} goes the way that the run goes`);
    if (step === this.first[direction]) {
      this.rule(event.kind === 'rotation', `${key}, the first step, follows a look at the balancers`);
      if (direction === 'forward') {
        this.rule(this.stopped === undefined, `${key}: no host is started after ${this.stopped}`);
        this.rule(
          this.plan.waves.some((wave) => wave.name === this.openWave && wave.hosts.includes(host)),
          `${key} belongs to the wave under way`,
        );
      }
      this.checkFloor(key, view, host);
    }
    if (this.plan.steps.includes('drain') && (step === 'switch' || step === 'revert')) {
      this.rule(this.model.isDrained(host), `${key} happens out of rotation`);
    }
    this.issued.add(key);
    this.touched.add(host);
    this.arrived.delete(host);
    this.inHand.set(host, effect);
    if (step === 'drain') this.draining.add(host);
    this.checkCanary(key, host, direction);
  }

  /** Counts what the balancers said, less what the run itself has taken out or is taking out. */
  private checkFloor(key: string, view: ReadonlySet<string>, host: string): void {
    if (!view.has(host) || this.isOut(host)) return;
    const {silo} = this.plan.hosts.find((each) => each.name === host)!;
    const left = [...view].filter((name) => name !== host && !this.isOut(name)).length;
    const floor = this.plan.floors[silo] ?? 0;
    this.rule(left >= floor, `${key} leaves ${left} hosts in ${silo}, its floor is ${floor}`);
  }

  private isOut(host: string): boolean {
    if (this.plan.steps.includes('drain')) return this.draining.has(host) || this.model.isDrained(host);
    const effect = this.inHand.get(host);
    return effect !== undefined && effect.step !== 'confirm';
  }

  private checkCanary(key: string, host: string, direction: 'forward' | 'back'): void {
    if (direction === 'back') return;
    const {silo} = this.plan.hosts.find((each) => each.name === host)!;
    const members = this.plan.hosts.filter((each) => each.silo === silo).map((each) => each.name);
    if (members.some((name) => this.arrived.has(name))) return;
    const inHand = members.filter((name) => this.inHand.has(name)).length;
    const canary = this.plan.waves.find((wave) => wave.silo === silo)?.hosts.length ?? 0;
    this.rule(inHand <= canary, `${key}: until one host of ${silo} has arrived no more than ${canary} are in hand`);
  }

  private seeAnnouncement({happening}: Extract<Effect, {kind: 'announce'}>): void {
    switch (happening.kind) {
      case 'wave-started':
        this.rule(this.stopped === undefined && !this.turned, `no wave begins after ${this.stopped}`);
        this.rule(this.openWave === undefined, `wave ${happening.wave} begins after ${this.openWave} has ended`);
        this.openWave = happening.wave;
        this.wavesStarted.push(happening.wave);
        return;
      case 'wave-ended':
        this.rule(this.openWave === happening.wave, `wave ${happening.wave} ends once, and after it began`);
        this.rule(happening.outcome === 'failed' || this.stopped === undefined, `a wave does not pass after ${this.stopped}`);
        this.openWave = undefined;
        return;
      case 'rolling-back':
        this.rule(this.turned, 'only a run that turned round goes back');
        return;
      case 'host-ended':
        this.rule(!this.finalOutcomes.has(happening.host), `${happening.host} ends once`);
        this.finalOutcomes.set(happening.host, happening.outcome);
        return;
    }
  }

  private isUnfinished(host: string): boolean {
    return this.touched.has(host) && !this.arrived.has(host) && !this.returned.has(host);
  }

  private countPatience(event: RolloutEvent, answer: Answer): void {
    if (event.kind !== 'rotation' && event.kind !== 'rotation-failed') return;
    const started = answer.effects.some((effect) => effect.kind === 'step');
    const count = started ? 0 : (this.fruitless.get(event.silo) ?? 0) + 1;
    this.fruitless.set(event.silo, count);
    if (count > patience) this.starved.add(event.silo);
  }
}
