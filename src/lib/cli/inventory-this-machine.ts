import path from 'node:path';
import type {Inventory} from '../inventory/host.js';
import {expectTrusted, type Trust} from './trusted-file.js';

/**
 * Refuses (exit 4) an inventory that makes this machine a host (`link: local`), unless a person trusted it with its present content: probes and
 * hooks of the project would run here. So the project's file, where a command reads one, has to be trusted as well.
 */
export async function refuseThisMachine(inventory: Inventory, project: string | undefined, trust: Trust): Promise<void> {
  const local = inventory.hosts.find(({ssh}) => ssh.link === 'local');
  if (local === undefined) return;
  const here = `which runs on this machine by the link of host ${local.name}`;
  await expectTrusted(inventory.file, `inventory ${inventory.file}, ${here},`, trust);
  if (project === undefined) return;
  const file = path.resolve(project);
  await expectTrusted(file, `project ${file}, ${here},`, trust);
}
