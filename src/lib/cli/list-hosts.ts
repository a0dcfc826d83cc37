import {DroverError} from '../errors/drover-error.js';
import {foldHostSet} from '../inventory/folded-hosts.js';
import {listPartitions} from '../operations/list-partitions.js';
import {renderTable} from '../report/table.js';
import type {Answer} from './answer.js';
import {chooseApp, chooseHosts, loadBoth, loadInventoryOnly, type ProjectFlags, type SelectionFlags} from './load-project.js';
import {openStore} from './open-store.js';
import {foldHolders, renderHolders} from './partition-text.js';
import {inspectTerminal} from './terminal.js';

type HostsFlags = ProjectFlags & SelectionFlags & {readonly fold: boolean};

/** `drover hosts [APP] [--partitions]`. */
export async function describeHosts(
  appName: string | undefined,
  flags: HostsFlags & {readonly partitions: boolean},
  env: NodeJS.ProcessEnv,
): Promise<Answer> {
  if (flags.partitions) return listHolders(appName, flags, env);
  if (appName === undefined) return listHosts(flags, env);
  throw new DroverError({
    code: 'usage',
    message: `unexpected argument ${JSON.stringify(appName)}`,
    fix: 'add --partitions, or leave it out',
  });
}

function selectsHosts(flags: SelectionFlags): boolean {
  return (
    flags.hosts !== undefined ||
    flags['hosts-from'] !== undefined ||
    flags.silo !== undefined ||
    flags.role !== undefined ||
    flags.exclude !== undefined
  );
}

/** `drover hosts`: what the inventory resolves to; without a selection, all of it. */
async function listHosts(flags: HostsFlags, env: NodeJS.ProcessEnv): Promise<Answer> {
  const inventory = await loadInventoryOnly(flags, env, AbortSignal.timeout(60_000));
  const hosts = chooseHosts(inventory, selectsHosts(flags) ? flags : {...flags, all: true});
  const names = hosts.map((host) => host.name);
  const json = {
    schemaVersion: 1,
    hosts: hosts.map(({name, silo, roles, ssh}) => ({
      name,
      silo,
      roles,
      address: ssh.address ?? null,
      port: ssh.port ?? null,
      user: ssh.user ?? null,
      link: ssh.link,
    })),
  };
  if (flags.fold) return {text: `${foldHostSet(names)}\n`, json, exit: 0};
  const terminal = inspectTerminal(env);
  const text = renderTable({
    columns: [{title: 'HOST'}, {title: 'SILO'}, {title: 'ROLES'}, {title: 'ADDRESS'}, {title: 'USER'}, {title: 'LINK', shrinks: false}],
    rows: hosts.map(({name, silo, roles, ssh}) => [
      name,
      silo,
      roles.join(','),
      `${ssh.address ?? name}${ssh.port === undefined ? '' : `:${ssh.port}`}`,
      ssh.user ?? '-',
      ssh.link,
    ]),
    colour: terminal.outColour,
    ...(terminal.outColumns === undefined ? {} : {width: terminal.outColumns}),
  });
  return {text, json, exit: 0};
}

/** `drover hosts --partitions`: who holds what of an app. */
async function listHolders(appName: string | undefined, flags: HostsFlags, env: NodeJS.ProcessEnv): Promise<Answer> {
  const {project, inventory} = await loadBoth(flags, env, AbortSignal.timeout(60_000));
  const app = chooseApp(project, appName);
  const list = await listPartitions(inventory, app, openStore(project));
  const chosen = new Set<string>(
    selectsHosts(flags) ? chooseHosts(inventory, flags, app).map((host) => host.name) : list.hosts.map((host) => host.name),
  );
  const shown = {...list, hosts: list.hosts.filter((host) => chosen.has(host.name))};
  return {text: flags.fold ? foldHolders(shown) : renderHolders(shown, inspectTerminal(env)), json: {schemaVersion: 1, ...shown}, exit: 0};
}
