import type {Fence} from '../host/fence.js';
import type {App, Ending, WorkEnding} from '../inventory/app.js';
import {formatDuration} from '../inventory/duration.js';
import type {Host, Inventory, RoleName} from '../inventory/host.js';
import type {PlannedHost, PlannedPause} from '../rollout/plan.js';

/** One worker, and how its intake is stopped. */
export interface Worker {
  readonly host: Host;
  readonly role: RoleName;
  readonly work: WorkEnding;
  readonly fence: Fence;
}

/** A command that pauses or resumes a worker and has not ended by then has failed. */
export const hookSeconds = 120;
/** A worker that has not said by then whether it is idle is not. */
export const untilSeconds = 60;

/** The first ending whose role the host has. */
export function findEnding({endings = []}: App, host: Pick<Host, 'roles'>): Ending | undefined {
  return endings.find(({role}) => host.roles.includes(role));
}

/** How the worker on a host is paused; undefined for hosts that balancers drain. */
export function findWork(app: App, host: Pick<Host, 'roles'>): {readonly role: RoleName; readonly work: WorkEnding} | undefined {
  const ending = findEnding(app, host);
  return ending?.work === undefined ? undefined : {role: ending.role, work: ending.work};
}

/** Whether hosts of the app are taken out for their move, by a balancer or as workers. */
export function takesOut({drain, endings = []}: App): boolean {
  return drain !== undefined || endings.some(({work}) => work !== undefined);
}

/** Who is paused how, for the plan; nothing where nobody is. */
export function planPauses({hosts: members}: Inventory, app: App, hosts: readonly PlannedHost[]): readonly PlannedPause[] {
  const pauses = new Map<Ending, string[]>();
  for (const {name, from} of hosts) {
    const host = members.find((each) => each.name === name);
    const ending = host === undefined ? undefined : findEnding(app, host);
    if (ending?.work === undefined || from === undefined) continue;
    pauses.set(ending, [...(pauses.get(ending) ?? []), name]);
  }
  return [...pauses].map(([{role, work}, names]) => ({role, how: work === undefined ? '' : describeWork(work), hosts: names}));
}

function describeWork({intake, waitMs, then, longestMs = waitMs}: WorkEnding): string {
  const how =
    intake.kind === 'nsq'
      ? `NSQ channel ${intake.topic}/${intake.channel}, until 0 are in flight`
      : `${intake.pause}, until ${intake.until}`;
  const end = then === 'wait' ? `wait for at most ${formatDuration(longestMs)}` : then;
  return `${how}, at most ${formatDuration(waitMs)}, then ${end}`;
}
