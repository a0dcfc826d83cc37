import {DroverError} from '../errors/drover-error.js';
import type {Fence} from '../host/fence.js';
import type {PinOut} from '../host/lease-request.js';
import type {Host} from '../inventory/host.js';
import type {Direction, MoveStep, PlannedHost} from '../rollout/plan.js';
import {awaitRelease} from './await-release.js';
import {type Crew, locate} from './crew.js';
import {nameCause} from './lease-host.js';
import {admitWorker, drainWorker} from './move-worker.js';
import {runStep, useHost} from './on-host.js';
import {restartSeconds} from './plan-rollout.js';
import {ReleaseFailure} from './release-failure.js';
import {armHost, letHostGo} from './timed-host.js';
import {warmRelease} from './warm-release.js';
import {findWork} from './worker-role.js';

/** One step of one host. `restarted`: the restart hook need not run. Throws; `blameFor` says whose fault it is. */
export async function carryStep(
  crew: Crew,
  name: string,
  {step, direction, left}: {readonly step: MoveStep; readonly direction: Direction; readonly left?: PinOut},
): Promise<{restarted: boolean}> {
  const {world, app, balancer} = crew;
  const {host, planned} = locate(crew, name);
  const fence = crew.fences.get(name);
  if (fence === undefined) throw new Error(`${step} of ${name} without a lease`);
  const note = (event: string): Promise<void> => useHost(world, host, app, (on) => on.note(fence, event, ''));
  const isWorker = findWork(app, host) !== undefined;
  const serving = direction === 'forward' ? planned.to : (crew.homes.get(name) ?? planned.from);
  switch (step) {
    case 'drain': {
      const action = async (): Promise<{readonly detail?: string}> => {
        await note('draining');
        if (isWorker) return drainWorker(crew, name);
        const {cut} = await balancer.drain(host, world.signal);
        return cut > 0 ? {detail: `${cut} sessions cut at the deadline`} : {};
      };
      await runStep(world, {host, step, action, describe: (words) => words});
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
        await (isWorker ? admitWorker(crew, name) : balancer.admit(host, world.signal));
        await note('admitted');
      };
      await runStep(world, {host, step, action});
      return {restarted: false};
    }
    case 'confirm':
      // Before the confirmation: a rollback that was cut between the two must not be undone by the next one.
      if (crew.plan.command === 'rollback') await note('rolled-back');
      await runStep(world, {
        host,
        step,
        action: () => useHost(world, host, app, (on) => on.confirm(fence, planned.to, leaveBehind(crew, planned))),
      });
      return {restarted: false};
    case 'revert': {
      crew.book?.armed.get(name)?.callOff();
      crew.book?.armed.delete(name);
      const result = await runStep(world, {
        host,
        step,
        action: () => useHost(world, host, app, (on) => on.revert(fence, left)),
        describe: ({changed, ...back}) => {
          const home = homeOf(planned, back);
          return {
            unchanged: !changed,
            ...(home === undefined ? {} : {detail: `to ${home.slice(0, 12)}: what was here before had never been healthy`}),
          };
        },
      });
      const home = homeOf(planned, result);
      if (home !== undefined) crew.homes.set(name, home);
      return {restarted: result.from === undefined};
    }
  }
}

/** Where a host went back to, if that is not what it served before. */
function homeOf({from: before}: PlannedHost, {from, live}: {from: string | undefined; live: string | undefined}): string | undefined {
  return from === undefined || live === before ? undefined : live;
}

/** In a rollback by hand: the release that turned out bad. */
function leaveBehind({plan}: Crew, {from, pinsOut}: PlannedHost): (PinOut & {readonly release: string}) | undefined {
  if (from === undefined || pinsOut === undefined) return undefined;
  const why = nameCause(plan.reason === '' ? 'rolled back by hand' : plan.reason);
  return {release: from, why, ...(pinsOut === from ? {} : {snapshot: pinsOut})};
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
