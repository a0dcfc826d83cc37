import type {Problem} from '../errors/drover-error.js';
import type {Fence} from '../host/fence.js';
import type {App} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import type {PlannedHost, RolloutPlan} from '../rollout/plan.js';
import type {Balancer} from '../traffic/balancer.js';
import type {Appointments} from './appointments.js';
import type {ChannelHolds} from './channel-holds.js';
import type {World} from './world.js';

/** A lease lives this long without a heartbeat, on the host's own clock. */
export const leaseSeconds = 90;

/** A worker that is paused. `moves`: its host went on to its move. `origins`: each nsqd at which its channel is paused. */
export interface PausedWorker {
  readonly moves: boolean;
  readonly origins?: readonly string[];
}

/** Everyone at work on one run. */
export interface Crew {
  readonly world: World;
  readonly app: App;
  readonly plan: RolloutPlan;
  /** The plan's text as hosts keep it. */
  readonly kept: string;
  readonly balancer: Balancer;
  readonly hosts: ReadonlyMap<string, Host>;
  /** The lease of each host, while we hold it. */
  readonly fences: Map<string, Fence>;
  /** Workers that this process has paused and not resumed, and whether the host went on to its move. */
  readonly paused: Map<string, PausedWorker>;
  /** Host -> where it went back to, if that is not what it served before: nobody had ever proved that there. */
  readonly homes: Map<string, string>;
  /** Who of them keeps an NSQ channel paused. */
  readonly holds: ChannelHolds;
  /** Worker -> where its NSQ channel could not be opened again, in words: debt of the run, whatever becomes of the hosts. */
  readonly closed: Map<string, readonly string[]>;
  readonly unusable: ReadonlyMap<string, Problem>;
  /** Of a deploy whose waves have a time. */
  readonly book?: Appointments;
}

/** A host of the plan. Asking for another one is a bug. */
export function locate(crew: Crew, name: string): {host: Host; planned: PlannedHost} {
  const host = crew.hosts.get(name);
  const planned = crew.plan.hosts.find((each) => each.name === name);
  if (host === undefined || planned === undefined) throw new Error(`${name} is not in the plan`);
  return {host, planned};
}
