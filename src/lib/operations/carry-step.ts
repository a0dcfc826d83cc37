import {DroverError, type Problem} from '../errors/drover-error.js';
import type {Fence} from '../host/fence.js';
import {VerbError} from '../host/verb-call.js';
import type {Host} from '../inventory/host.js';
import type {MoveStep} from '../rollout/plan.js';
import {awaitRelease} from './await-release.js';
import {type Crew, leaseSeconds, locate} from './crew.js';
import {describeError, runStep, useHost} from './on-host.js';
import {restartSeconds} from './plan-rollout.js';
import {ReleaseFailure} from './release-failure.js';
import {armHost, letHostGo, prepareHost} from './timed-host.js';
import {warmRelease} from './warm-release.js';

/** Takes the lease of one host; gives what went wrong, or nothing. */
export async function leaseHost(crew: Crew, name: string): Promise<Problem | undefined> {
  const {world, app, plan, unusable} = crew;
  const known = unusable.get(name);
  if (known !== undefined) return describeUnprepared(crew, name, known);
  const {host, planned} = locate(crew, name);
  const request = {
    run: plan.run,
    owner: world.operator,
    reason: plan.reason,
    ttlSeconds: leaseSeconds,
    plan: crew.kept,
    from: planned.from,
    to: planned.to,
  };
  try {
    const epoch = await runStep(world, {host, step: 'lease', action: () => useHost(world, host, app, (on) => on.lease(request))});
    crew.fences.set(name, {run: plan.run, epoch});
    if (crew.book !== undefined) await prepareHost(crew, name);
    return undefined;
  } catch (error) {
    if (!(error instanceof DroverError)) throw error;
    const [problem] = error.problems;
    await releaseHost(crew, name, undefined);
    if (!(error instanceof VerbError) || error.failure !== 'leased') return describeUnprepared(crew, name, problem);
    const by = (key: string): string => new RegExp(`^lease-${key} (.*)$`, 'm').exec(error.body)?.[1] ?? '';
    const why = by('reason') === '' ? '' : ` (${by('reason')})`;
    return {
      ...problem,
      message: `${name} is leased by ${by('owner')} for run ${by('run')}${why}, ${by('left')} s left`,
      fix: `wait, or if that run is dead: drover resume ${by('run')}`,
    };
  }
}

/** Hosts that are to switch at one time are all prepared, or none switches: that is a refusal, whatever kept the host. */
function describeUnprepared(crew: Crew, name: string, problem: Problem): Problem {
  if (crew.book === undefined || problem.code === 'leased') return problem;
  return {...problem, code: 'refused', message: `${name} could not be prepared, so that nobody switches: ${problem.message}`, host: name};
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

/** One step of one host. `restarted`: the restart hook need not run. Throws; `blameFor` says whose fault it is. */
export async function carryStep(crew: Crew, name: string, step: MoveStep, direction: 'forward' | 'back'): Promise<{restarted: boolean}> {
  const {world, app, balancer} = crew;
  const {host, planned} = locate(crew, name);
  const fence = crew.fences.get(name);
  if (fence === undefined) throw new Error(`${step} of ${name} without a lease`);
  const note = (event: string): Promise<void> => useHost(world, host, app, (on) => on.note(fence, event, ''));
  const serving = direction === 'forward' ? planned.to : planned.from;
  switch (step) {
    case 'drain': {
      const action = async (): Promise<{cut: number}> => {
        await note('draining');
        return balancer.drain(host, world.signal);
      };
      await runStep(world, {host, step, action, describe: ({cut}) => (cut > 0 ? {detail: `${cut} sessions cut at the deadline`} : {})});
      return {restarted: false};
    }
    case 'arm':
      if (crew.book !== undefined) await armHost(crew, crew.book, name);
      return {restarted: false};
    case 'switch': {
      if (crew.book !== undefined) {
        const timed = await letHostGo(crew, crew.book, name);
        return {restarted: timed.unchanged && timed.restarted};
      }
      const move = {from: planned.from, to: planned.to, confirmSeconds: Math.ceil(crew.plan.confirmMs / 1000), restart: app.restart ?? ''};
      const result = await runStep(world, {
        host,
        step,
        action: () => useHost(world, host, app, (on) => on.switchTo(fence, move)),
        describe: ({unchanged}) => ({unchanged}),
      });
      return {restarted: result.unchanged && result.restarted};
    }
    case 'restart':
      if (serving !== undefined) await restart(crew, host, fence, {from: direction === 'forward' ? planned.from : planned.to, to: serving});
      return {restarted: false};
    case 'health':
      if (serving !== undefined) {
        await runStep(world, {host, step, action: () => awaitRelease(world, app, host, serving), describe: (detail) => ({detail})});
      }
      return {restarted: false};
    case 'warm':
      await runStep(world, {host, step, action: () => warmRelease(world, app, host), describe: (detail) => ({detail})});
      return {restarted: false};
    case 'admit': {
      if (serving === undefined) return {restarted: false};
      const action = async (): Promise<void> => {
        await balancer.admit(host, world.signal);
        await note('admitted');
      };
      await runStep(world, {host, step, action});
      return {restarted: false};
    }
    case 'confirm':
      // Before the confirmation: a rollback that was cut between the two must not be undone by the next one.
      if (crew.plan.command === 'rollback') await note('rolled-back');
      await runStep(world, {host, step, action: () => useHost(world, host, app, (on) => on.confirm(fence, planned.to))});
      return {restarted: false};
    case 'revert': {
      crew.book?.armed.get(name)?.callOff();
      crew.book?.armed.delete(name);
      const result = await runStep(world, {
        host,
        step,
        action: () => useHost(world, host, app, (on) => on.revert(fence)),
        describe: ({changed}) => ({unchanged: !changed}),
      });
      return {restarted: result.from === undefined};
    }
  }
}

async function restart(crew: Crew, host: Host, fence: Fence, move: {from: string | undefined; to: string}): Promise<void> {
  const {world, app} = crew;
  const command = app.restart;
  if (command === undefined) return;
  const hook = {
    command,
    seconds: restartSeconds,
    cwd: `${app.root}/current`,
    fence,
    event: 'restarted',
    to: move.to,
    ...(move.from === undefined ? {} : {from: move.from}),
  };
  await runStep(world, {
    host,
    step: 'restart',
    action: async () => {
      const result = await useHost(world, host, app, (on) => on.runHook(hook));
      if (result.status === 0 && result.lateAfterSeconds === undefined) return;
      const how =
        result.lateAfterSeconds === undefined ? `ended with status ${result.status}` : `was not done after ${result.lateAfterSeconds} s`;
      const said = result.output.trim().split('\n').slice(-3).join(' | ').slice(0, 300);
      throw new ReleaseFailure({
        code: 'unhealthy',
        message: `${host.name}: the restart hook ${how}${said === '' ? '' : `: ${said}`}`,
        host: host.name,
      });
    },
  });
}

/** The second look after a soak: hosts whose release is not healthy any more. */
export async function probeRelease(crew: Crew, names: readonly string[]): Promise<readonly {host: string; why: string}[]> {
  const {world, app} = crew;
  const results = await Promise.all(
    names.map(async (name) => {
      const {host, planned} = locate(crew, name);
      try {
        await runStep(world, {
          host,
          step: 'health',
          action: () => awaitRelease(world, app, host, planned.to),
          describe: (detail) => ({detail}),
        });
        return [];
      } catch (error) {
        if (!(error instanceof DroverError)) throw error;
        return [{host: name, why: error.message}];
      }
    }),
  );
  return results.flat();
}
