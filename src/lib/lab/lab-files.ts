import {mkdir, writeFile} from 'node:fs/promises';
import path from 'node:path';
import type {LabHost} from './lab-host.js';
import {formatKnownHost} from './lab-keys.js';

/** Where HAProxy's admin socket is on a real balancer host. */
export const adminSocketPath = '/run/haproxy/admin.sock';
export const backendName = 'web';

interface LabFiles {
  readonly dir: string;
  readonly user: string;
  readonly hosts: readonly LabHost[];
  readonly webPort: number;
}

/** Writes the files an operator of the fleet would have. They are the lab's: each start writes them anew. */
export async function writeLabFiles({dir, user, hosts, webPort}: LabFiles): Promise<{inventoryPath: string; projectPath: string}> {
  const inventoryPath = path.join(dir, 'inventory.yml');
  const projectPath = path.join(dir, 'drover.yml');
  await mkdir(path.join(dir, 'ssh'), {recursive: true, mode: 0o700});
  const knownHosts = hosts.map(({name, ssh, hostKey}) => formatKnownHost({name, ...ssh, key: hostKey}));
  await writeFile(path.join(dir, 'ssh', 'known_hosts'), knownHosts.join(''));
  await writeFile(path.join(dir, 'ssh', 'config'), '# Empty, so that your own ~/.ssh/config has no say in the lab.\n');
  await writeFile(inventoryPath, formatInventory(hosts, user));
  await writeFile(projectPath, formatProject(webPort));
  return {inventoryPath, projectPath};
}

function formatInventory(hosts: readonly LabHost[], user: string): string {
  const lines = hosts.map(
    ({name, silo, role, ssh}) => `  ${name}: {silo: ${silo}, role: ${role}, address: ${ssh.address}, port: ${ssh.port}}\n`,
  );
  return `# The practice fleet. Written anew by each start of the lab.
hosts:
${lines.join('')}ssh:
  user: ${user}
  identity: ssh/id_ed25519
  known_hosts: ssh/known_hosts
  config: ssh/config
`;
}

function formatProject(webPort: number): string {
  return `# The practice project. Written anew by each start of the lab.
inventory: inventory.yml
apps:
  site:
    source: ./content
    root: ~/site
    hosts: role:web
    restart: exec "$HOME/bin/restart-site"
    roll: {by: silo, waves: [1, 100%], floor: 50%, budget: 1, soak: 0s, confirm: 2m, keep: 5}
    drain: {haproxy: {socket: ${adminSocketPath}, backend: ${backendName}}, wait: 5s, then: close}
    warm: {from: sitemap, port: ${webPort}, rate: 1000/s, concurrency: 8, until: hit >= 98%, deadline: 30s}
    health: [{http: /healthz, port: ${webPort}, version: x-release, timeout: 1s, interval: 100ms, rise: 2, deadline: 2s}]
`;
}
