import {DroverError} from '../errors/drover-error.js';
import type {HostState} from '../host/host-state.js';
import type {App} from '../inventory/app.js';
import type {PlannedHost, RolloutPlan} from '../rollout/plan.js';
import {blankPlan, describeInventory, describeSettings, readHostKeys} from './make-plan-file.js';
import type {PlanFile} from './plan-file.js';
import {renderPlan} from './plan-text.js';
import type {FleetReport} from './read-fleet.js';
import {describeWait} from './refuse-embargo.js';
import type {World} from './world.js';

/** A plan file whose digest is right, and who approved it by signatures that were verified. */
export interface ReviewedPlan {
  readonly file: PlanFile;
  readonly approvedBy: readonly string[];
}

const misfitsShown = 10;

/** What a plan file wants of a host; undefined without one. */
export function findPlanned(reviewed: ReviewedPlan | undefined, host: string): PlannedHost | undefined {
  return reviewed?.file.rollout.hosts.find(({name}) => name === host);
}

/** What a plan says of itself does not fit this app, this fleet or this moment. Throws `refused`. */
export function refuseForeign(world: Pick<World, 'inventory' | 'project' | 'now'>, app: App, {file}: ReviewedPlan): void {
  const refuse = (message: string, fix = 'make a new plan'): never => {
    throw new DroverError({code: 'refused', message, fix});
  };
  if (file.rollout.app !== app.name)
    refuse(`the plan is for app "${file.rollout.app}", this is "${app.name}"`, 'name the plan of this app');
  const here = describeInventory(world.inventory, app);
  if (file.inventory.name !== here.name) {
    refuse(`the plan is for "${app.name}" of ${file.inventory.name}, this is "${app.name}" of ${here.name}`, 'name the inventory with -i');
  }
  if (file.inventory.digest !== here.digest)
    refuse(`${here.name} names other hosts for "${app.name}" or its balancers than when the plan was made`);
  const leftMs = Date.parse(file.expires) - world.now();
  if (leftMs <= 0) refuse(`the plan held until ${file.expires}, ${describeWait(-leftMs)} ago`);
  const settings = describeSettings(world, app);
  const moved = [...new Set([...Object.keys(settings), ...Object.keys(file.settings)])].filter(
    (key) => !isSame(settings[key], file.settings[key]),
  );
  if (moved.length > 0)
    refuse(`the project says something else than when the plan was made: ${moved.map((key) => `apps.${app.name}.${key}`).join(', ')}`);
}

function isSame(one: unknown, other: unknown): boolean {
  return renderPlan({one} as never) === renderPlan({one: other} as never);
}

/**
 * Every host must be what it was when the plan was made: its release, its epoch, its key. As many as the budget may be silent. Throws `refused` and
 * names them. The hosts themselves look again when they are leased, so this one look decides nothing.
 */
export async function refuseStale(world: World, app: App, {file}: ReviewedPlan, fleet: FleetReport): Promise<void> {
  const {rollout, expected, nonce} = file;
  for (const state of fleet.states.values()) {
    const taken = state.plans.find((plan) => plan.nonce === nonce && plan.againFrom === undefined);
    if (taken === undefined || isIdle(state, taken.run)) continue;
    const open = [...fleet.states.values()].some(({openRuns}) => openRuns.includes(taken.run));
    throw new DroverError({
      code: 'refused',
      message: `the plan was applied at ${taken.at.slice(0, 16).replace('T', ' ')} by ${taken.owner} (run ${taken.run})${open ? ', which did not end' : ''}`,
      fix: open ? `drover resume ${taken.run}` : 'make a new plan',
    });
  }
  const misfits: string[] = [];
  let silent = 0;
  for (const {name, from} of rollout.hosts) {
    const state = fleet.states.get(name);
    const host = world.inventory.hosts.find((each) => each.name === name);
    if (state === undefined || host === undefined) {
      silent++;
      misfits.push(`${name} unreachable`);
      continue;
    }
    const taken = state.plans.find((plan) => plan.nonce === nonce);
    const epoch = taken !== undefined && isIdle(state, taken.run) ? state.epoch : (taken?.againFrom ?? expected[name]?.epoch);
    const keys = await readHostKeys(world, host);
    const known = expected[name]?.keys ?? [];
    if (state.live !== from) misfits.push(`${name} is on ${shorten(state.live)} (expected ${shorten(from)})`);
    else if (state.epoch !== epoch) misfits.push(`${name} was leased since (epoch ${state.epoch}, expected ${epoch})`);
    else if (keys.length !== known.length && (keys.length === 0 || known.length === 0)) misfits.push(`${name} is reached in another way`);
    else if (known.length > 0 && !keys.some((key) => known.includes(key)))
      misfits.push(`${name} shows another host key (${keys.join(', ')}, expected ${known.join(' or ')})`);
  }
  if (misfits.length === silent && silent <= (rollout.at === undefined ? rollout.budget : 0)) return;
  const shown = misfits.slice(0, misfitsShown);
  const rest = misfits.length - shown.length;
  throw new DroverError({
    code: 'refused',
    message: `the plan of ${app.name} is stale on ${misfits.length} of ${rollout.hosts.length} hosts: ${shown.join(', ')}${rest === 0 ? '' : `, and ${rest} more`}`,
    fix: 'make a new plan',
  });
}

/** As the host itself judges: the run leased it last, could not give the plan back, and never began to change anything there. */
function isIdle({journal, epoch, tasks}: HostState, run: string): boolean {
  const own = journal.filter((line) => line.run === run);
  const last = own.findLast(({event}) => event === 'leased' || event === 'lease-ended');
  return last?.epoch === String(epoch) && own.every(({event}) => event !== 'intent') && tasks.every((task) => task.run !== run);
}

function shorten(id: string | undefined): string {
  return id === undefined ? 'nothing' : id.slice(0, 12);
}

/** What was planned just now must be what was reviewed, to the last field; then it is held to the review on every host. Throws `refused`. */
export function holdToReview(world: World, app: App, {file, approvedBy}: ReviewedPlan, plan: RolloutPlan): RolloutPlan {
  const now = blankPlan(plan);
  if (renderPlan(now) !== renderPlan(file.rollout)) {
    const [one, other] = [now, file.rollout] as unknown as Readonly<Record<string, unknown>>[];
    const moved = [...new Set([...Object.keys(now), ...Object.keys(file.rollout)])].filter((key) => !isSame(one?.[key], other?.[key]));
    throw new DroverError({
      code: 'refused',
      message: `the plan of ${app.name} would go otherwise now: its ${moved.join(', ')} changed`,
      fix: 'make a new plan',
    });
  }
  const {nonce, digest, author, expires, expected} = file;
  const epochs = Object.fromEntries(Object.entries(expected).map(([name, {epoch}]) => [name, epoch]));
  return {...plan, reason: world.reason === '' ? file.reason : world.reason, review: {nonce, digest, author, approvedBy, expires, epochs}};
}
