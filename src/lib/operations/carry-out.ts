import {setTimeout as sleep} from 'node:timers/promises';
import type {ErrorCode} from '../errors/codes.js';
import {DroverError, type Problem} from '../errors/drover-error.js';
import type {Happening} from '../events/event.js';
import type {PinOut} from '../host/lease-request.js';
import type {App} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import type {RolloutPlan} from '../rollout/plan.js';
import {type Effect, type RolloutEvent, type RolloutState, type RunOutcome, startRollout} from '../rollout/state.js';
import {step as stepRollout} from '../rollout/step.js';
import type {Balancer} from '../traffic/balancer.js';
import {Appointments, openLeadMs} from './appointments.js';
import {carryStep, probeRelease} from './carry-step.js';
import {carryTask} from './carry-task.js';
import {ChannelHolds} from './channel-holds.js';
import type {Crew} from './crew.js';
import {keepLeases} from './heartbeat.js';
import {leaseHost, nameCause, pinHost, releaseHost} from './lease-host.js';
import {freeWorker, leaveWorker} from './move-worker.js';
import {describeError} from './on-host.js';
import {forfeitWorker} from './pause-worker.js';
import {hostsOfApp} from './plan-rollout.js';
import {blameFor} from './release-failure.js';
import type {World} from './world.js';

export interface RolloutResult {
  readonly outcome: RunOutcome;
  readonly code?: ErrorCode;
  readonly why?: string;
  readonly state: RolloutState;
  /** Workers whose channel is not open again everywhere: the fleet is not as it was meant to be, however the rollout ended. */
  readonly closed: readonly string[];
}

export interface CarryOptions {
  readonly app: App;
  readonly plan: RolloutPlan;
  /** The plan's text as hosts keep it. */
  readonly kept: string;
  readonly balancer: Balancer;
  readonly hosts: ReadonlyMap<string, Host>;
  /** Hosts that failed before the rollout began (staging, reading): they are debt from the start. */
  readonly unusable: ReadonlyMap<string, Problem>;
  readonly isResumed: boolean;
}

/**
 * Carries a plan out: asks the pure rollout what to do, does it, and brings back what happened, until the rollout ends. The first
 * Ctrl-C becomes an event; the second one ends this at once, with every host on its old or its new release.
 */
export async function carryOut(world: World, options: CarryOptions): Promise<RolloutResult> {
  const {app, plan, kept, balancer, hosts, unusable, isResumed} = options;
  const book =
    plan.at === undefined ? {} : {book: new Appointments(world, {at: plan.at, leadMs: openLeadMs(app, plan.hosts.length), isResumed})};
  const crew: Crew = {
    ...{world, app, plan, kept, balancer, hosts, unusable, ...book},
    ...{fences: new Map(), paused: new Map(), holds: new ChannelHolds(), closed: new Map(), homes: new Map()},
  };
  const members = hostsOfApp(world.inventory, app);
  const queue: RolloutEvent[] = [{kind: 'begin'}];
  let wake: (() => void) | undefined;
  const push = (event: RolloutEvent): void => {
    queue.push(event);
    wake?.();
  };
  const onInterrupt = (): void => push({kind: 'interrupt'});
  world.interrupted.addEventListener('abort', onInterrupt, {once: true});
  const over = new AbortController();
  const heartbeat = keepLeases(crew, (host, why) => {
    forfeitWorker(crew, host);
    push({kind: 'lease-lost', host, why});
  });
  let state = startRollout(plan);
  let result: Omit<RolloutResult, 'closed'> | undefined;
  let bug: unknown;
  let waveStartedMs = world.now();
  const expiresMs = plan.review === undefined ? undefined : Date.parse(plan.review.expires);
  const running = new Set<Promise<void>>();

  const announce = async (happening: Extract<Effect, {kind: 'announce'}>['happening']): Promise<void> => {
    if (happening.kind === 'wave-started') waveStartedMs = world.now();
    const timed = happening.kind === 'wave-ended' ? ({...happening, ms: world.now() - waveStartedMs} satisfies Happening) : happening;
    await world.emit(timed);
  };
  const start = (effect: Work): void => {
    const left = findPinOut(state);
    const work = perform(crew, effect, {
      members,
      over: AbortSignal.any([world.signal, over.signal]),
      push,
      ...(left === undefined ? {} : {left}),
    }).catch((error: unknown) => {
      bug ??= error;
      wake?.();
    });
    running.add(work);
    void work.finally(() => running.delete(work));
  };

  try {
    if (world.interrupted.aborted) onInterrupt();
    while (result === undefined && bug === undefined && !world.signal.aborted) {
      const event = queue.shift();
      if (event === undefined) {
        await waitForNews(world.signal, (resume) => {
          wake = resume;
        });
        wake = undefined;
        continue;
      }
      if (expiresMs !== undefined && state.expired === undefined && world.now() >= expiresMs)
        state = stepRollout(state, {kind: 'expired', why: `the plan held until ${plan.review?.expires}`}).state;
      const answer = stepRollout(state, event);
      state = answer.state;
      for (const effect of answer.effects) {
        if (effect.kind === 'announce') await announce(effect.happening);
        else if (effect.kind === 'end') result = {state, outcome: effect.outcome, ...pick(effect)};
        else start(effect);
      }
    }
  } finally {
    world.interrupted.removeEventListener('abort', onInterrupt);
    over.abort();
    crew.book?.callOffAll();
    await heartbeat.stop();
  }
  if (world.signal.aborted) return {state, outcome: 'interrupted', code: 'interrupted', why: 'abandoned', closed: []};
  if (bug !== undefined) {
    await Promise.allSettled(running);
    throw bug;
  }
  if (result === undefined) throw new Error('the rollout stopped without an end');
  await crew.book?.announce();
  return {...result, closed: [...crew.closed.keys()]};
}

/** Effects that take time. */
type Work = Exclude<Effect, {kind: 'announce'} | {kind: 'end'}>;

function pick(effect: Extract<Effect, {kind: 'end'}>): {code?: ErrorCode; why?: string} {
  return {...(effect.code === undefined ? {} : {code: effect.code}), ...(effect.why === undefined ? {} : {why: effect.why})};
}

function waitForNews(signal: AbortSignal, register: (resume: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const resume = (): void => {
      signal.removeEventListener('abort', resume);
      resolve();
    };
    signal.addEventListener('abort', resume, {once: true});
    register(resume);
  });
}

/** What hosts that a deploy leaves are told of its release, once that turned out bad. */
function findPinOut({plan, stop}: RolloutState): PinOut | undefined {
  const why = plan.back === undefined ? (stop?.kind === 'release' ? stop.why : undefined) : plan.pinned;
  if (plan.command !== 'deploy' || why === undefined) return undefined;
  return {why: nameCause(why), ...(plan.snapshot === undefined ? {} : {snapshot: plan.snapshot})};
}

interface Stage {
  readonly members: readonly Host[];
  readonly over: AbortSignal;
  readonly push: (event: RolloutEvent) => void;
  readonly left?: PinOut;
}

async function perform(crew: Crew, effect: Work, {members, over, push, left}: Stage): Promise<void> {
  const {world} = crew;
  switch (effect.kind) {
    case 'lease': {
      const failed = await leaseHost(crew, effect.host);
      push(
        failed === undefined
          ? {kind: 'leased', host: effect.host}
          : {kind: 'lease-failed', host: effect.host, code: failed.problem.code, why: failed.problem.message, isFinal: failed.isFinal},
      );
      return;
    }
    case 'step':
      try {
        const {restarted} = await carryStep(crew, effect.host, {...effect, ...(left === undefined ? {} : {left})});
        push({kind: 'step-done', host: effect.host, step: effect.step, ...(restarted ? {restarted} : {})});
      } catch (error) {
        if (world.signal.aborted) return;
        const cause = blameFor(error);
        if (cause.blame === 'fenced') forfeitWorker(crew, effect.host);
        // One that the release failed on goes back at once; any other is left, and one that goes back after all is paused anew.
        else if (cause.blame === 'host' || effect.direction === 'back' || crew.plan.command === 'rollback')
          await freeWorker(crew, effect.host);
        if (world.signal.aborted) return;
        push({kind: 'step-failed', host: effect.host, step: effect.step, ...cause, why: describeError(error)});
      }
      return;
    case 'task':
      try {
        push(await carryTask(crew, effect.host, effect.task));
      } catch (error) {
        if (!world.signal.aborted) throw error;
      }
      return;
    case 'read-rotation':
      try {
        if (effect.afterMs > 0) await sleep(effect.afterMs, undefined, {signal: over});
        const seen = crew.plan.holders === undefined ? members.filter((host) => host.silo === effect.silo) : members;
        const rotation = (await crew.balancer.read(seen, world.signal)).filter((each) => each.state === 'in');
        const serving = rotation.filter((each) => each.host.silo === effect.silo).map((each) => each.host.name);
        const elsewhere = rotation.filter((each) => each.host.silo !== effect.silo).map((each) => each.host.name);
        push({kind: 'rotation', silo: effect.silo, serving, ...(crew.plan.holders === undefined ? {} : {elsewhere})});
      } catch (error) {
        if (over.aborted) return;
        if (!(error instanceof DroverError)) throw error;
        push({kind: 'rotation-failed', silo: effect.silo, code: error.code, why: error.message});
      }
      return;
    case 'await-time':
      try {
        if (crew.book !== undefined) push(await crew.book.await(effect.moment, effect.offsetMs, over));
      } catch (error) {
        if (!over.aborted) throw error;
      }
      return;
    case 'soak': {
      const cut = AbortSignal.any([world.signal, world.interrupted]);
      await sleep(effect.ms, undefined, {signal: cut}).catch(() => undefined);
      if (cut.aborted) return;
      push({kind: 'soaked', failed: await probeRelease(crew, effect.hosts)});
      return;
    }
    case 'release':
      if (left !== undefined) await pinHost(crew, effect.host, left);
      await leaveWorker(crew, effect.host);
      await releaseHost(crew, effect.host, effect.ended);
      push({kind: 'released', host: effect.host});
  }
}
