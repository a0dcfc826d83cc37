import type {MoveStep, OnceTask, RolloutPlan} from '../../src/lib/rollout/plan.js';

/** A host of the pretended world, in the plan or only a neighbour in its silo. */
export interface ModelHost {
  readonly name: string;
  readonly silo: string;
  readonly from: string | undefined;
  /** What it serves when the run begins: not `from` where an earlier part of the run has been. */
  readonly live: string | undefined;
  /** What the balancers' own check says under the old and under the new release. */
  readonly healthyOnOld: boolean;
  readonly healthyOnNew: boolean;
  readonly lease: 'free' | 'held-by-another' | 'unreachable';
  readonly drainedAtStart: boolean;
}

/** `lost-ack`: the step took effect and its reply did not arrive. */
export type FaultKind = 'release' | 'host' | 'fenced' | 'lost-ack';

export type StepResult =
  | {readonly kind: 'done'}
  | {readonly kind: 'failed'; readonly blame: 'release' | 'host' | 'fenced'; readonly why: string};

interface Truth {
  readonly host: ModelHost;
  release: string | undefined;
  drained: boolean;
  alive: boolean;
}

/** What is really so, whatever the run believes. */
export class FleetModel {
  private readonly truths: ReadonlyMap<string, Truth>;
  private readonly targets: ReadonlyMap<string, string>;
  /** How often each once task ran, `before eu-1`; the marks on hosts keep it at one for each of them. */
  readonly taskRuns = new Map<string, number>();

  constructor(
    private readonly plan: RolloutPlan,
    readonly hosts: readonly ModelHost[],
  ) {
    this.truths = new Map(hosts.map((host) => [host.name, {host, release: host.live, drained: host.drainedAtStart, alive: true}]));
    this.targets = new Map(plan.hosts.map((host) => [host.name, host.to]));
  }

  releaseOf(name: string): string | undefined {
    return this.truth(name).release;
  }

  /** Taken out at the balancers, by us or before the run. */
  isDrained(name: string): boolean {
    return this.truth(name).drained;
  }

  isServing(name: string): boolean {
    const truth = this.truth(name);
    return truth.alive && !truth.drained && truth.release !== undefined && this.isHealthy(truth);
  }

  servingIn(silo: string): readonly string[] {
    return this.hosts.filter((host) => host.silo === silo && this.isServing(host.name)).map((host) => host.name);
  }

  setAlive(name: string, alive: boolean): void {
    this.truth(name).alive = alive;
  }

  isAlive(name: string): boolean {
    return this.truth(name).alive;
  }

  hasBegun(task: OnceTask, host: string): boolean {
    return this.taskRuns.has(`${task} ${host}`) || this.plan.once?.begun?.[task] === host;
  }

  /** The host's mark lets it begin once. */
  runTask(task: OnceTask, host: string): void {
    if (!this.hasBegun(task, host)) this.taskRuns.set(`${task} ${host}`, 1);
  }

  /** On how many hosts a task was begun, in this part of the run or before it. */
  countRuns(task: OnceTask): number {
    const hosts = new Set([...this.taskRuns.keys()].filter((key) => key.startsWith(`${task} `)).map((key) => key.slice(task.length + 1)));
    const earlier = this.plan.once?.begun?.[task];
    if (earlier !== undefined) hosts.add(earlier);
    return hosts.size;
  }

  /** Does a step to a host, or fails it. */
  carry(name: string, step: MoveStep, fault: FaultKind | undefined): StepResult {
    const truth = this.truth(name);
    if (!truth.alive) return {kind: 'failed', blame: 'host', why: `${name} does not answer`};
    if (fault !== undefined && fault !== 'lost-ack') return {kind: 'failed', blame: fault, why: `${step} of ${name} failed (${fault})`};
    if (!this.apply(truth, step)) return {kind: 'failed', blame: 'release', why: `${name} is not healthy on ${truth.release}`};
    return fault === 'lost-ack' ? {kind: 'failed', blame: 'host', why: `no reply to ${step} of ${name}`} : {kind: 'done'};
  }

  private apply(truth: Truth, step: MoveStep): boolean {
    switch (step) {
      case 'drain':
        truth.drained = true;
        return true;
      case 'switch':
        truth.release = this.targets.get(truth.host.name);
        return true;
      case 'revert':
        truth.release = truth.host.from;
        return true;
      case 'health':
        return truth.release === undefined || this.isHealthy(truth);
      case 'admit':
        truth.drained = truth.release === undefined;
        return true;
      case 'arm':
      case 'restart':
      case 'warm':
      case 'confirm':
        return true;
    }
  }

  private isHealthy(truth: Truth): boolean {
    return truth.release === truth.host.from ? truth.host.healthyOnOld : truth.host.healthyOnNew;
  }

  private truth(name: string): Truth {
    const truth = this.truths.get(name);
    if (truth === undefined) throw new Error(`no host ${name} in the model`);
    return truth;
  }
}
