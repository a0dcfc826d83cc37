import {type MoveStep, type RolloutPlan, stepsBack} from '../../src/lib/rollout/plan.js';
import type {Answer, Effect, RolloutEvent, RolloutState} from '../../src/lib/rollout/state.js';
import type {FleetModel} from './fleet-model.js';
import {judgeEnd} from './judge-end.js';
import {RunRecord, type StepEffect} from './run-record.js';
import {judgeMove, judgeTask, judgeTurn} from './task-rules.js';
import {goesWithOpen, judgeShortage, judgeTogether, mayTurn} from './timed-rules.js';

/** Looks again this often before a floor may end a run; twice as often is a run that does not end. */
const patience = 24;

/**
 * Watches what a run asks for and compares it with the world. Knows nothing of the run's own book-keeping: it counts effects and results
 * itself. Each rule is one sentence.
 */
export class Referee extends RunRecord {
  readonly violations: string[] = [];
  readonly wavesStarted: string[] = [];
  readonly finalOutcomes = new Map<string, string>();
  private readonly released = new Set<string>();
  /** Steps that were asked for, as `forward switch of web1`. */
  readonly issued = new Set<string>();
  private readonly reading = new Set<string>();
  private readonly soaked = new Set<string>();
  /** Hosts that stand ready. */
  readonly armed = new Set<string>();
  /** The waves that were under way when the last one began. */
  lastOpen: ReadonlySet<string> = new Set();
  private readonly fruitless = new Map<string, number>();
  private readonly first: {readonly forward: MoveStep | undefined; readonly back: MoveStep | undefined};
  readonly openWaves = new Set<string>();
  private elsewhere: readonly string[] = [];
  issuedSteps = 0;
  private reads = 0;
  private ends = 0;

  constructor(
    plan: RolloutPlan,
    readonly model: FleetModel,
  ) {
    super(plan);
    this.fewest = [...this.countHolders('serving')];
    this.fewestHeld = [...this.countHolders('anyhow')];
    this.first = {forward: plan.steps[0], back: stepsBack(plan.steps)[0]};
  }

  /** How many in rotation hold what each set of holders stands for, at worst; by the world, not by what the run believes. */
  readonly fewest: number[];
  /** As `fewest`, with those that are out of rotation for their move: a release is there, before it and after it. */
  readonly fewestHeld: number[];

  private countHolders(of: 'serving' | 'anyhow'): readonly number[] {
    return (this.plan.holders ?? []).map(({before, after = before}) => {
      const has = (host: string): boolean => {
        const planned = this.plan.hosts.find((each) => each.name === host);
        return (planned !== undefined && this.model.releaseOf(host) === planned.to ? after : before).includes(host);
      };
      return this.model.hosts.filter(({name}) => (of === 'anyhow' || this.model.isServing(name)) && has(name)).length;
    });
  }

  watch(before: RolloutState, event: RolloutEvent, answer: Answer): void {
    for (const [index, count] of this.countHolders('serving').entries()) this.fewest[index] = Math.min(this.fewest[index] ?? count, count);
    for (const [index, count] of this.countHolders('anyhow').entries()) {
      this.fewestHeld[index] = Math.min(this.fewestHeld[index] ?? count, count);
    }
    if (this.ends > 0) {
      this.rule(answer.effects.length === 0, `nothing follows the end, but ${event.kind} did something`);
      return;
    }
    if (event.kind === 'rotation' || event.kind === 'rotation-failed') this.reading.delete(event.silo);
    this.hear(before, event);
    const view = new Set(event.kind === 'rotation' ? event.serving : []);
    if (event.kind === 'step-done' && event.step === 'arm') this.armed.add(event.host);
    judgeTogether(this, event, answer);
    if (event.kind === 'rotation') judgeShortage(this, event.silo, {view, answer});
    this.elsewhere = event.kind === 'rotation' ? (event.elsewhere ?? []) : [];
    const isGivenUp = event.kind === 'task-failed' && event.how === 'not-begun' && !answer.effects.some(({kind}) => kind === 'task');
    if (isGivenUp) this.stopped ??= 'task';
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

  private see(event: RolloutEvent, view: ReadonlySet<string>, effect: Effect): void {
    switch (effect.kind) {
      case 'lease':
        this.rule(event.kind === 'begin' && !this.interrupted, `${effect.host} is leased at the beginning`);
        return;
      case 'task':
        judgeTask(this, effect);
        this.taskInHand = effect;
        this.taskFailure = undefined;
        return;
      case 'step':
        this.seeStep(event, view, effect);
        return;
      case 'read-rotation':
        this.rule(!this.reading.has(effect.silo), `the balancers of ${effect.silo} are asked once at a time`);
        this.rule(effect.afterMs === 0 || !this.isBusy(effect.silo), `nobody waits for ${effect.silo} while hosts of it are on their way`);
        this.reading.add(effect.silo);
        this.reads++;
        return;
      case 'soak':
        this.rule(this.stopped === undefined && this.inHand.size === 0, 'a soak follows a wave that has ended well');
        for (const wave of this.openWaves) this.soaked.add(wave);
        this.rule(
          effect.hosts.every((host) => this.arrived.has(host)),
          'a soak looks at hosts that have arrived',
        );
        return;
      case 'await-time':
        this.rule(this.stopped === undefined && !this.turned, `no time is waited for after ${this.stopped}`);
        return;
      case 'announce':
        this.seeAnnouncement(effect);
        return;
      case 'release':
        this.rule(this.leases.has(effect.host) && !this.released.has(effect.host), `the lease of ${effect.host} is given back once`);
        this.rule(this.taskInHand === undefined, `no lease is given back while once.${this.taskInHand?.task} is in hand`);
        this.rule(
          effect.ended === undefined || !this.arrived.has(effect.host) || !this.isContractOpen(),
          `the run stays open on ${effect.host} until once.after is done`,
        );
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
        this.rule(this.openWaves.size === 0, `wave ${[...this.openWaves].join(', ')} has ended before the run`);
        judgeEnd(this, effect);
    }
  }

  private seeStep(event: RolloutEvent, view: ReadonlySet<string>, effect: StepEffect): void {
    const {host, step, direction} = effect;
    const key = `${direction} ${step} of ${host}`;
    this.issuedSteps++;
    judgeMove(this, key);
    if (step === this.first[direction]) judgeTurn(this, effect);
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
          this.plan.waves.some((wave) => this.openWaves.has(wave.name) && wave.hosts.includes(host)),
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
    const staying = [...view, ...this.elsewhere].filter((name) => name !== host && !this.isOut(name));
    for (const {before, after = before, least} of this.plan.holders ?? []) {
      if (!before.includes(host) && !after.includes(host)) continue;
      const has = (name: string): boolean => before.includes(name) || after.includes(name);
      const count = staying.filter(has).length;
      this.rule(count >= least, `${key} leaves ${count} of ${[...before, ...after].join(',')} in rotation, ${least} must stay`);
    }
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
        this.rule(goesWithOpen(this, happening.wave), `wave ${happening.wave} begins after ${[...this.openWaves].join(', ')} has ended`);
        this.openWaves.add(happening.wave);
        this.lastOpen = new Set(this.openWaves);
        this.wavesStarted.push(happening.wave);
        return;
      case 'wave-ended':
        this.rule(this.openWaves.has(happening.wave), `wave ${happening.wave} ends once, and after it began`);
        this.seeWaveEnd(happening);
        this.openWaves.delete(happening.wave);
        return;
      case 'rolling-back':
        if (this.plan.at !== undefined && mayTurn(this)) this.turned = true;
        this.rule(this.turned, 'only a run that turned round goes back');
        return;
      case 'host-ended':
        this.rule(!this.finalOutcomes.has(happening.host), `${happening.host} ends once`);
        this.finalOutcomes.set(happening.host, happening.outcome);
        return;
      default:
    }
  }

  /** An interrupt that found every host arrived stopped nothing but the soak: the wave has passed, and is not said to have failed. */
  private seeWaveEnd({wave, outcome}: {readonly wave: string; readonly outcome: string}): void {
    const isMoot = this.stopped === 'interrupt' && this.plan.hosts.every(({name}) => this.arrived.has(name));
    if (isMoot) {
      this.rule(outcome === 'passed', `wave ${wave} has passed: the interrupt came when nothing was left to stop`);
      return;
    }
    this.rule(outcome === 'failed' || this.stopped === undefined, `a wave does not pass after ${this.stopped}`);
    this.rule(outcome === 'failed' || this.hasSoaked(wave), `wave ${wave} does not pass before its soak`);
  }

  private isBusy(silo: string): boolean {
    return this.plan.hosts.some((host) => host.silo === silo && this.inHand.has(host.name));
  }

  private hasSoaked(name: string): boolean {
    const wave = this.plan.waves.find((each) => each.name === name);
    return this.plan.soakMs === 0 || this.soaked.has(name) || !wave?.hosts.some((host) => this.arrived.has(host));
  }

  private isContractOpen(): boolean {
    return this.plan.once?.after !== undefined && this.plan.back === undefined && !this.tasksDone.has('after');
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
