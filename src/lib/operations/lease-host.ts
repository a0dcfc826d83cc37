import {setTimeout as sleep} from 'node:timers/promises';
import {DroverError, type Problem} from '../errors/drover-error.js';
import type {LeaseRequest, PinOut} from '../host/lease-request.js';
import {VerbError} from '../host/verb-call.js';
import type {Host} from '../inventory/host.js';
import {type Crew, leaseSeconds, locate} from './crew.js';
import {describeError, runStep, useHost} from './on-host.js';
import {prepareHost} from './timed-host.js';

/** Why a host could not be leased. `isFinal`: the plan does not fit it, so that nothing of the plan may be done anywhere. */
export interface LeaseFailure {
  readonly problem: Problem;
  readonly isFinal: boolean;
}

/** Of two runs that want the same hosts in the same moment, the one that began first waits this long for the other to step back. */
const precedenceMs = 5000;

/** Takes the lease of one host; gives what went wrong, or nothing. */
export async function leaseHost(crew: Crew, name: string): Promise<LeaseFailure | undefined> {
  const {world, app, plan, unusable} = crew;
  const known = unusable.get(name);
  if (known !== undefined) return {problem: describeUnprepared(crew, name, known), isFinal: false};
  const {host} = locate(crew, name);
  try {
    const request = makeRequest(crew, name);
    const lease = (): Promise<number> => takeInTurn(crew, host, request);
    const epoch = await runStep(world, {host, step: 'lease', action: lease});
    crew.fences.set(name, {run: plan.run, epoch});
    if (crew.book !== undefined) await prepareHost(crew, name);
    return undefined;
  } catch (error) {
    if (!(error instanceof DroverError)) throw error;
    const [problem] = error.problems;
    await releaseHost(crew, name, undefined);
    const failure = error instanceof VerbError ? error.failure : undefined;
    const isFinal =
      failure === 'applied' || failure === 'stale' || failure === 'pinned' || (failure === 'conflict' && plan.review !== undefined);
    if (!(error instanceof VerbError) || failure !== 'leased') {
      return {problem: isFinal ? explainMisfit(app.name, problem) : describeUnprepared(crew, name, problem), isFinal};
    }
    return {problem: {...problem, ...describeHolder(name, error.body)}, isFinal};
  }
}

function makeRequest(crew: Crew, name: string): LeaseRequest {
  const {world, plan, kept} = crew;
  const {planned} = locate(crew, name);
  const epoch = plan.review?.epochs[name];
  const {unsafe = []} = plan;
  return {
    run: plan.run,
    owner: world.operator,
    reason: nameCause(plan.reason),
    ttlSeconds: leaseSeconds,
    plan: kept,
    from: planned.from,
    to: planned.to,
    allowPinned: unsafe.includes('allow-pinned') || plan.back !== undefined,
    ...(plan.review === undefined || epoch === undefined ? {} : {review: {nonce: plan.review.nonce, epoch}}),
    ...(unsafe.length === 0 ? {} : {unsafe: nameCause(`${unsafe.join(', ')}: ${plan.reason}`)}),
  };
}

/**
 * Leases are all or nothing, and two runs that each got some of the same hosts would both give up. So the one that began later, by its id, steps
 * back at once, and the other one waits a moment for that.
 */
async function takeInTurn({world, app, plan}: Crew, host: Host, request: LeaseRequest): Promise<number> {
  const untilMs = world.now() + precedenceMs;
  for (;;) {
    try {
      return await useHost(world, host, app, (on) => on.lease(request));
    } catch (error) {
      if (!(error instanceof VerbError) || error.failure !== 'leased') throw error;
      const holder = /^lease-run (.*)$/m.exec(error.body)?.[1] ?? '';
      if (holder <= plan.run || world.now() >= untilMs || world.interrupted.aborted) throw error;
      await sleep(100 + 200 * world.random(), undefined, {signal: world.signal});
    }
  }
}

/** Who has a host, from the reply of a verb that was refused. */
function describeHolder(name: string, body: string): {readonly message: string; readonly fix: string} {
  const by = (key: string): string => new RegExp(`^lease-${key} (.*)$`, 'm').exec(body)?.[1] ?? '';
  const why = by('reason') === '' ? '' : ` (${by('reason')})`;
  return {
    message: `${name} is leased by ${by('owner')} for run ${by('run')}${why}, ${by('left')} s left`,
    fix: `wait (--wait-lease 5m), or if that run is dead: drover resume ${by('run')}`,
  };
}

/** Hosts that are to switch at one time are all prepared, or none switches: that is a refusal, whatever kept the host. */
function describeUnprepared(crew: Crew, name: string, problem: Problem): Problem {
  if (crew.book === undefined || problem.code === 'leased') return problem;
  return {...problem, code: 'refused', message: `${name} could not be prepared, so that nobody switches: ${problem.message}`, host: name};
}

function explainMisfit(app: string, problem: Problem): Problem {
  return {
    ...problem,
    fix: `look at what changed: drover status ${app}; then take the others back (drover rollback ${app}), or deploy anew`,
  };
}

/** Gives a lease back. A host that cannot be told keeps it until it runs out: a warning. */
export async function releaseHost(crew: Crew, name: string, ended: string | undefined): Promise<void> {
  const {world, app} = crew;
  const fence = crew.fences.get(name);
  if (fence === undefined) return;
  crew.fences.delete(name);
  const {host} = locate(crew, name);
  try {
    await runStep(world, {host, step: 'release', action: () => useHost(world, host, app, (on) => on.release(fence, ended))});
  } catch (error) {
    if (!(error instanceof DroverError)) throw error;
    if (error instanceof VerbError && error.failure === 'fenced') return;
    await world.emit({
      kind: 'warning',
      host: name,
      message: `the lease was not given back and runs out by itself: ${describeError(error)}`,
    });
  }
}

/** A host that the run leased and did not take back hears of the release that turned out bad, too: whoever deploys to it alone is to know. */
export async function pinHost(crew: Crew, name: string, left: PinOut): Promise<void> {
  const {world, app} = crew;
  const fence = crew.fences.get(name);
  if (fence === undefined) return;
  const {host, planned} = locate(crew, name);
  try {
    await useHost(world, host, app, (on) => on.pin(fence, planned.to, left));
  } catch (error) {
    if (!(error instanceof DroverError)) throw error;
    if (error instanceof VerbError && error.failure === 'fenced') return;
    await world.emit({kind: 'warning', host: name, message: `could not be told that the release is bad: ${describeError(error)}`});
  }
}

/** A cause as a host keeps it: one line, not too long. */
export function nameCause(why: string): string {
  return why.replace(/[\n\t\0]+/g, ' ').slice(0, 300);
}
