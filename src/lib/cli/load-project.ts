import {homedir} from 'node:os';
import path from 'node:path';
import {DroverError} from '../errors/drover-error.js';
import type {App, Project} from '../inventory/app.js';
import {findClosest} from '../inventory/closest-name.js';
import type {Host, Inventory} from '../inventory/host.js';
import {loadInventory} from '../inventory/inventory-file.js';
import {loadProject} from '../inventory/project-file.js';
import {type SelectionRequest, selectHosts} from '../inventory/selection.js';
import {refuseTwofold} from '../inventory/twofold-hosts.js';
import {refuseRunningConfigs} from './inventory-ssh-config.js';
import {refuseThisMachine} from './inventory-this-machine.js';
import {stateDirectory} from './state-directory.js';

export interface ProjectFlags {
  readonly config: string;
  readonly inventory?: string | undefined;
  readonly 'trust-inventory': boolean;
}

export interface Loaded {
  readonly project: Project;
  readonly inventory: Inventory;
}

/** Reads both files; everything wrong in them is told before any connection is opened. */
export async function loadBoth(flags: ProjectFlags, env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Loaded> {
  const project = await loadProject(flags.config, {signal});
  const named = flags.inventory ?? project.inventory;
  const inventory = await loadNamed(named, {trustNow: flags['trust-inventory'], project: project.file, env, signal});
  await refuseTwofold(project, inventory, flags.config, signal);
  return {project, inventory};
}

/** The inventory alone: `--inventory`, else the project's, else ./inventory.yml. */
export async function loadInventoryOnly(flags: ProjectFlags, env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Inventory> {
  if (flags.inventory === undefined) return (await loadBoth(flags, env, signal)).inventory;
  return loadNamed(flags.inventory, {trustNow: flags['trust-inventory'], env, signal});
}

interface LoadOptions {
  readonly trustNow: boolean;
  /** The file whose commands the hosts will be given; none when the operator alone says what they do. */
  readonly project?: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

async function loadNamed(named: string, {trustNow, project, env, signal}: LoadOptions): Promise<Inventory> {
  const trust = {stateDir: stateDirectory(env), trustNow, env};
  const file = path.relative(process.cwd(), named);
  const inventory = await loadInventory(file.startsWith('..') ? path.resolve(named) : file, {
    signal,
    home: env.HOME ?? homedir(),
    run: async (program, abort) => (await import('./inventory-program.js')).runTrustedProgram(program, trust, abort),
  });
  await refuseRunningConfigs(inventory, trust);
  await refuseThisMachine(inventory, project, trust);
  return inventory;
}

/** The app that words name; a project with a single app needs no name. */
export function chooseApp(project: Project, name: string | undefined): App {
  const apps = [...project.apps.values()];
  const names = apps.map((app) => app.name);
  const [only, ...more] = apps;
  if (name === undefined) {
    if (only !== undefined && more.length === 0) return only;
    throw new DroverError({code: 'usage', message: `the project has ${apps.length} apps: ${names.join(', ')}`, fix: 'name one'});
  }
  const app = apps.find((each) => each.name === name);
  if (app !== undefined) return app;
  const closest = findClosest(name, names);
  throw new DroverError({
    code: 'not-found',
    message: `app ${JSON.stringify(name)} is not in ${path.basename(project.file)}`,
    fix: closest === undefined ? `apps are: ${names.join(', ')}` : `did you mean "${closest}"?`,
  });
}

export interface SelectionFlags {
  readonly hosts?: string | undefined;
  readonly silo?: readonly string[] | undefined;
  readonly role?: readonly string[] | undefined;
  readonly exclude?: string | undefined;
  readonly limit?: number | undefined;
  readonly pick?: number | undefined;
  /** The hosts of a run, as `--hosts-from` read them. */
  readonly 'hosts-from'?: readonly string[] | undefined;
  readonly all: boolean;
}

/** Whether any flag says which hosts are meant. */
export function selectsHosts(flags: SelectionFlags): boolean {
  return (
    flags.hosts !== undefined ||
    flags['hosts-from'] !== undefined ||
    flags.silo !== undefined ||
    flags.role !== undefined ||
    flags.exclude !== undefined
  );
}

/** The hosts that flags name, within the app's own. */
export function chooseHosts(inventory: Inventory, flags: SelectionFlags, app?: App): readonly Host[] {
  const {hosts, silo, role, exclude, limit, pick, all} = flags;
  const request: SelectionRequest = {hosts, names: flags['hosts-from'], silo, role, exclude, limit, pick, all, within: app?.hosts};
  return selectHosts(inventory, request);
}

/**
 * `[APP] [SNAPSHOT]`: with two words they are just that; a single word is the app when the project has one of that name, else the snapshot
 * of a project with a single app.
 */
export function chooseAppAndSnapshot(
  project: Project,
  first: string | undefined,
  second: string | undefined,
): {app: App; snapshot: string | undefined} {
  if (second !== undefined || first === undefined) return {app: chooseApp(project, first), snapshot: second};
  const named = [...project.apps.keys()].some((name) => name === first);
  if (!named && project.apps.size === 1 && /^(latest|[0-9a-f]{2,64})$/.test(first))
    return {app: chooseApp(project, undefined), snapshot: first};
  return {app: chooseApp(project, first), snapshot: undefined};
}
