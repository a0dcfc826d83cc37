import {createHash} from 'node:crypto';
import path from 'node:path';
import {DroverError} from '../errors/drover-error.js';
import type {App} from '../inventory/app.js';
import type {Host, Inventory} from '../inventory/host.js';
import type {RolloutPlan} from '../rollout/plan.js';
import {balancerHosts} from './app-balancer.js';
import {useLink} from './on-host.js';
import {type ExpectedHost, type PlanFile, planFormat, sealPlanFile} from './plan-file.js';
import {boundRollout, hostsOfApp} from './plan-rollout.js';
import type {FleetReport} from './read-fleet.js';
import type {World} from './world.js';

/** Longest that a plan may hold: hosts remember its nonce for a day more. */
export const longestPlanMs = 7 * 24 * 3_600_000;

/**
 * Writes a plan down as a file, with what every host said of itself when it was made. Every host has to have answered, since nobody can
 * expect anything of the others. Throws `unreachable`, `refused`.
 */
export async function makePlanFile(
  world: World,
  options: {
    readonly app: App;
    readonly plan: RolloutPlan;
    readonly fleet: FleetReport;
    readonly gapMs: number | undefined;
    /** How long it holds. */
    readonly holdsMs: number;
    /** 32 hex digits that nobody can guess. */
    readonly nonce: string;
  },
): Promise<PlanFile> {
  const {app, plan, fleet, gapMs, holdsMs, nonce} = options;
  const [silent, ...more] = [...fleet.problems.values()].map((problem) => ({...problem, fix: 'bring it back, or leave it out: --exclude'}));
  if (silent !== undefined) throw new DroverError(silent, ...more);
  if (plan.hosts.length === 0) {
    throw new DroverError({code: 'refused', message: 'there is nothing to do, and so no plan to write', fix: 'see: drover status'});
  }
  const madeMs = world.now();
  refuseShortPlan(plan, madeMs + holdsMs);
  const expected: Record<string, ExpectedHost> = {};
  for (const {name} of plan.hosts) {
    const host = world.inventory.hosts.find((each) => each.name === name);
    if (host === undefined) throw new Error(`${name} is not in the inventory`);
    expected[name] = {epoch: fleet.states.get(name)?.epoch ?? 0, keys: await readHostKeys(world, host)};
  }
  const slowest = Math.max(0, ...world.inventory.hosts.map((host) => host.ssh.connectTimeoutMs));
  return sealPlanFile({
    'drover-plan': planFormat,
    author: world.operator,
    reason: world.reason,
    made: new Date(madeMs).toISOString(),
    expires: new Date(madeMs + holdsMs).toISOString(),
    nonce,
    inventory: describeInventory(world.inventory, app),
    settings: describeSettings(world, app),
    expected,
    boundMs: boundRollout(plan, app, slowest),
    gapMs: gapMs ?? null,
    rollout: blankPlan(plan),
  });
}

/** Fingerprints of the key that a host has shown. */
export function readHostKeys(world: World, host: Host): Promise<readonly string[]> {
  return useLink(world, host, async (link) => (await link.hostKeys?.()) ?? []);
}

/** The plan without who carries it out. */
export function blankPlan({review: _, ...plan}: RolloutPlan): RolloutPlan {
  return {...plan, run: '', operator: '', reason: ''};
}

/** Which fleet it is: the file's name for people, and the hosts of the app and of its balancers with how they are reached. */
export function describeInventory(inventory: Inventory, app: App): PlanFile['inventory'] {
  const hosts = new Set([...hostsOfApp(inventory, app), ...balancerHosts(inventory, app)]);
  const entries = [...hosts]
    .map(({name, silo, roles, ssh, relayAddress}) => {
      const {address, port, user, fingerprint} = ssh;
      return [name, silo, [...roles].sort(), address ?? null, port ?? null, user ?? null, fingerprint ?? null, relayAddress ?? null];
    })
    .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  return {name: path.basename(inventory.file), digest: createHash('sha256').update(JSON.stringify(entries)).digest('hex').slice(0, 16)};
}

/** What the project file says of how the app goes, as plain data; files by where they lie below the project. */
export function describeSettings(world: Pick<World, 'project'>, app: App): Readonly<Record<string, unknown>> {
  const {name: _name, hosts: _hosts, source: _source, ignore: _ignore, push: _push, review: _review, ...settings} = app;
  const folder = path.dirname(world.project.file);
  const {warm} = settings;
  const placed =
    warm?.from.kind === 'file'
      ? {...settings, warm: {...warm, from: {kind: 'file', path: path.relative(folder, warm.from.path)}}}
      : settings;
  return JSON.parse(JSON.stringify(placed)) as Record<string, unknown>;
}

/** A timed plan that ends before its last wave would leave the rest of the fleet behind. */
function refuseShortPlan(plan: RolloutPlan, expiresMs: number): void {
  if (plan.at === undefined) return;
  const lastMs = Date.parse(plan.at.time) + Math.max(0, ...plan.waves.map((wave) => wave.offsetMs ?? 0));
  if (lastMs < expiresMs) return;
  throw new DroverError({
    code: 'usage',
    message: `the plan would hold until ${new Date(expiresMs).toISOString()}, and its last wave is for ${new Date(lastMs).toISOString()}`,
    fix: 'raise --expires',
  });
}
