import {foldHostSet} from '../inventory/folded-hosts.js';
import {renderTable} from '../report/table.js';
import type {Answer} from './answer.js';
import {chooseHosts, loadInventoryOnly, type ProjectFlags, type SelectionFlags} from './load-project.js';
import {inspectTerminal} from './terminal.js';

/** `drover hosts`: what the inventory resolves to; without a selection, all of it. */
export async function listHosts(flags: ProjectFlags & SelectionFlags & {readonly fold: boolean}, env: NodeJS.ProcessEnv): Promise<Answer> {
  const inventory = await loadInventoryOnly(flags, env, AbortSignal.timeout(60_000));
  const selects = flags.hosts !== undefined || flags.silo !== undefined || flags.role !== undefined || flags.exclude !== undefined;
  const hosts = chooseHosts(inventory, selects ? flags : {...flags, all: true});
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
