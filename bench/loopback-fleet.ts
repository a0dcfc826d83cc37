import {mkdirSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {startSshd} from '../test/host/sshd.js';
import {meterServer, type ServerCpu} from './server-cpu.js';

/** The one key exchange that OpenSSH and ssh2 have in common and both like best. */
export const pinnedKex = 'curve25519-sha256,curve25519-sha256@libssh.org';

/** Addresses of this machine (127.x.y.z), all of them answered by one real sshd: to clients they are hosts. */
export interface LoopbackFleet {
  readonly port: number;
  readonly cpu: ServerCpu;
  /** How clients get there. `port` is the sshd's own unless told. */
  access(count: number, options?: {readonly port?: number; readonly kex?: 'pinned' | 'stock'}): FleetAccess;
  stop(): Promise<void>;
}

/** What clients need in order to reach so many hosts: the same for all of them. */
export interface FleetAccess {
  readonly hosts: readonly string[];
  /** An ssh_config that says everything. */
  readonly sshConfig: string;
  /** One host a line. */
  readonly hostFile: string;
  /** For drover. */
  readonly inventory: string;
}

export interface FleetOptions {
  /** `stock`: whatever OpenSSH likes best; only curve25519 where it is left out. */
  readonly kex?: 'pinned' | 'stock';
  /** More lines of sshd_config; the first of a keyword counts. */
  readonly config?: readonly string[];
}

/** 127.1.0.1, 127.1.0.2 …, 250 in each network. */
export function addressOf(index: number): string {
  return `127.1.${Math.floor(index / 250)}.${(index % 250) + 1}`;
}

export async function startLoopbackFleet(folder: string, {kex = 'pinned', config = []}: FleetOptions = {}): Promise<LoopbackFleet> {
  mkdirSync(folder, {recursive: true});
  const sshd = await startSshd({
    // Every address of loopback, and none of the world outside.
    listen: '0.0.0.0 rdomain lo',
    config: [...config, 'LogLevel ERROR', 'MaxStartups 5000', ...(kex === 'pinned' ? [`KexAlgorithms ${pinnedKex}`] : [])],
  });
  const cpu = meterServer(sshd.pid);
  return {
    port: sshd.port,
    cpu,
    access: (count, {port = sshd.port, kex: asked = kex} = {}) => {
      const place = path.join(folder, `access-${count}-${port}-${asked}`);
      mkdirSync(place, {recursive: true});
      const write = (name: string, text: string): string => {
        const file = path.join(place, name);
        writeFileSync(file, text);
        return file;
      };
      const hosts = Array.from({length: count}, (_, index) => addressOf(index));
      const known = write('known_hosts', hosts.flatMap((host) => sshd.hostKeys.map((key) => `[${host}]:${port} ${key}\n`)).join(''));
      const words = [
        ...[`User ${sshd.user}`, `Port ${port}`, `IdentityFile ${sshd.identity}`, 'IdentitiesOnly yes', 'IdentityAgent none'],
        ...[`UserKnownHostsFile ${known}`, 'GlobalKnownHostsFile /dev/null', 'StrictHostKeyChecking yes', 'UpdateHostKeys no'],
        ...['BatchMode yes', 'LogLevel ERROR', ...(asked === 'pinned' ? [`KexAlgorithms ${pinnedKex}`] : [])],
      ];
      const sshConfig = write('ssh_config', `Host *\n${words.map((word) => `  ${word}\n`).join('')}`);
      const listed = hosts.map((host) => `  ${host}: {silo: one, role: web}\n`).join('');
      return {
        hosts,
        sshConfig,
        hostFile: write('hosts', hosts.map((host) => `${host}\n`).join('')),
        inventory: write('inventory.yml', `hosts:\n${listed}ssh: {config: ${sshConfig}, connect_timeout: 60s}\n`),
      };
    },
    stop: async () => {
      await sshd.stop();
      await cpu.close();
    },
  };
}
