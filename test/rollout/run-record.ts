import {type MoveStep, type OnceTask, type RolloutPlan, stepsBack} from '../../src/lib/rollout/plan.js';
import type {Effect, RolloutEvent, RolloutState} from '../../src/lib/rollout/state.js';

export type StepEffect = Extract<Effect, {kind: 'step'}>;

/** What the events tell of a run, counted without looking at the run's own book-keeping. */
export class RunRecord {
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
  /** What ended the way forward, as far as the events told. */
  stopped: string | undefined;
  turned = false;
  fencedFirst = false;
  interrupted = false;
  /** Hosts in hand when the interrupt came. */
  handAtInterrupt: readonly string[] = [];
  refusedLease = false;
  /** Leases that came and were not given back. */
  readonly leases = new Set<string>();
  readonly everLeased = new Set<string>();
  /** Hosts whose drain has been asked for and not been answered. */
  readonly draining = new Set<string>();
  /** The once task in hand, and every host that was asked for each. */
  taskInHand: {readonly task: OnceTask; readonly host: string} | undefined;
  readonly tasksDone = new Set<OnceTask>();
  readonly tasksBegun = new Set<OnceTask>();
  /** How the last task ended that did not end well, unless another host was asked. */
  taskFailure: {readonly task: OnceTask; readonly how: string} | undefined;

  constructor(readonly plan: RolloutPlan) {
    for (const host of plan.hosts) if (host.earlier !== undefined || plan.back !== undefined) this.touched.add(host.name);
    this.turned = plan.back !== undefined;
    for (const task of plan.once?.done ?? []) this.tasksDone.add(task);
  }

  hear(before: RolloutState, event: RolloutEvent): void {
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
        if (this.lost.size > (this.plan.at === undefined ? this.plan.budget : 0) && !this.turned) this.stopped ??= 'budget';
        return;
      case 'step-done':
        this.hearDone(event.host, event.step);
        return;
      case 'step-failed':
        this.hearFailed(event);
        return;
      case 'rotation':
        return;
      case 'rotation-failed':
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
      case 'task-done':
        this.taskInHand = undefined;
        this.tasksDone.add(event.task);
        this.tasksBegun.add(event.task);
        return;
      case 'task-failed':
        this.taskInHand = undefined;
        this.taskFailure = event;
        if (event.how !== 'not-begun' && event.how !== 'held') this.tasksBegun.add(event.task);
        if (event.how === 'fenced') this.loseTo(event.host);
        if (event.how !== 'held' && event.how !== 'not-begun') this.stopped ??= 'task';
        return;
      case 'time-missed':
        this.stopped ??= 'time';
        return;
      case 'lease-lost':
        if (before.phase !== 'waiting' || before.stop !== undefined) return;
        this.stopped ??= 'taken';
        this.fencedFirst = true;
        this.leases.delete(event.host);
        if (this.touched.has(event.host)) this.beyondHelp.add(event.host);
        this.arrived.delete(event.host);
        return;
      case 'time-come':
      case 'expired':
      case 'begin':
      case 'released':
        return;
    }
  }

  private loseTo(host: string): void {
    this.fencedFirst = true;
    this.beyondHelp.add(host);
    this.arrived.delete(host);
  }

  private hearDone(host: string, step: MoveStep): void {
    const effect = this.inHand.get(host);
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
    const isBeforeTime = this.plan.at !== undefined && ['drain', 'arm'].includes(event.step);
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
    if (!isRelease && this.lost.size <= this.plan.budget && !isBeforeTime) return;
    this.stopped ??= isRelease ? 'release' : 'budget';
    if (this.plan.command === 'deploy' && !this.fencedFirst) this.turned = true;
  }
}
