import {listPartitions} from '../operations/list-partitions.js';
import type {Answer} from './answer.js';
import {chooseApp, chooseHosts, loadBoth, type ProjectFlags, type SelectionFlags, selectsHosts} from './load-project.js';
import {openStore} from './open-store.js';
import {foldHolders, renderHolders} from './partition-text.js';
import {inspectTerminal} from './terminal.js';

/** `drover hosts --partitions`: who holds what of an app. */
export async function listHolders(
  appName: string | undefined,
  flags: ProjectFlags & SelectionFlags & {readonly fold: boolean},
  env: NodeJS.ProcessEnv,
): Promise<Answer> {
  const {project, inventory} = await loadBoth(flags, env, AbortSignal.timeout(60_000));
  const app = chooseApp(project, appName);
  const list = await listPartitions(inventory, app, openStore(project));
  const chosen = new Set<string>(
    selectsHosts(flags) ? chooseHosts(inventory, flags, app).map((host) => host.name) : list.hosts.map((host) => host.name),
  );
  const shown = {...list, hosts: list.hosts.filter((host) => chosen.has(host.name))};
  return {text: flags.fold ? foldHolders(shown) : renderHolders(shown, inspectTerminal(env)), json: {schemaVersion: 1, ...shown}, exit: 0};
}
