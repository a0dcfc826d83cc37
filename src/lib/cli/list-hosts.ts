import {DroverError} from '../errors/drover-error.js';
import {foldHostSet} from '../inventory/folded-hosts.js';
import {renderTable} from '../report/table.js';
import type {Answer} from './answer.js';
import {chooseHosts, loadInventoryOnly, type ProjectFlags, type SelectionFlags, selectsHosts} from './load-project.js';
import {inspectTerminal} from './terminal.js';

type HostsFlags = ProjectFlags & SelectionFlags & {readonly fold: boolean};

/** `drover hosts [APP] [--partitions]`. */
export async function describeHosts(
  appName: string | undefined,
  flags: HostsFlags & {readonly partitions: boolean},
  env: NodeJS.ProcessEnv,
): Promise<Answer> {
  // The store, and all that it takes, is for this alone.
  if (flags.partitions) return (await import('./list-holders.js')).listHolders(appName, flags, env);
  if (appName === undefined) return listHosts(flags, env);
  throw new DroverError({
    code: 'usage',
    message: `unexpected argument ${JSON.stringify(appName)}`,
    fix: 'add --partitions, or leave it out',
  });
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
