import {writeFile} from 'node:fs/promises';
import path from 'node:path';
import {DroverError} from '../errors/drover-error.js';
import type {Answer} from './answer.js';

const projectText = `# What drover releases, and how. Editors check this file against schema/drover.schema.json.
inventory: inventory.yml
apps:
  site:
    source: ./public            # the tree to snapshot
    root: /srv/site             # on the host: current -> releases/<id>
    hosts: role:web             # which hosts carry it
    # restart: systemctl reload site
    roll: {waves: [1, 25%, 100%], floor: 75%, budget: 1, soak: 10s, confirm: 5m, keep: 5}
    # drain: {haproxy: {socket: /run/haproxy/admin.sock, backend: web}, wait: 30s, then: close}
    # warm: {from: sitemap, rate: 20/s, until: hit >= 98%, deadline: 2m}
    health:
      - {http: /, port: 80}
`;

const inventoryText = `# Hosts, their silos and roles. The rest comes from ~/.ssh/config.
hosts:
  web[01-03].example.com: {silo: eu, role: web}
  # lb1.example.com: {silo: eu, role: balancer}
ssh: {user: deploy}
`;

/** Writes what is missing of the two files; never over one that exists. */
export async function initProject(directory: string): Promise<Answer> {
  const files = [
    {name: 'drover.yml', text: projectText},
    {name: 'inventory.yml', text: inventoryText},
  ];
  const written: string[] = [];
  for (const {name, text} of files) {
    try {
      await writeFile(path.join(directory, name), text, {flag: 'wx'});
      written.push(name);
    } catch (error) {
      const {code} = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') continue;
      throw new DroverError({code: 'refused', message: `cannot write ${name}: ${code}`, fix: 'choose another folder'});
    }
  }
  if (written.length === 0)
    throw new DroverError({
      code: 'refused',
      message: 'drover.yml and inventory.yml exist already',
      fix: 'edit them, or move them away first',
    });
  return {
    text: `wrote ${written.join(' and ')}\nnext: edit, then: drover hosts && drover snapshot\n`,
    json: {schemaVersion: 1, written},
    exit: 0,
  };
}
