import {randomUUID} from 'node:crypto';
import {mkdir, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {openHostProcesses} from './host-processes.js';
import {type KeyPair, obtainKeyPair} from './lab-keys.js';
import type {Endpoint} from './lab-network.js';
import {restartScript} from './restart-script.js';
import {openSshEndpoint} from './ssh-endpoint.js';

/** What answers on a host's web port: the web app, or the balancer. */
export interface HostService {
  readonly endpoint: Endpoint;
  close(): Promise<void>;
}

/** One machine of the practice fleet. */
export interface LabHost {
  readonly name: string;
  readonly silo: string;
  readonly role: 'web' | 'balancer';
  readonly ssh: Endpoint;
  /** Where the host's web port really is. */
  readonly web: Endpoint;
  readonly hostKey: KeyPair;
  /** The host's own root directory, HOME of everything that runs there. */
  readonly home: string;
  /** Cuts the host off: SSH and web refuse connections, open ones are reset. What runs there goes on, and the disk stays. */
  unplug(): Promise<void>;
  /** Back on the network at the same addresses. */
  plug(): Promise<void>;
  /** Switched off: unplugged, and every process ended. */
  stop(): Promise<void>;
}

export interface LabHostOptions {
  readonly name: string;
  readonly silo: string;
  readonly role: 'web' | 'balancer';
  /** The lab's folder; the host lives in `hosts/<name>`. */
  readonly dir: string;
  readonly user: string;
  readonly clientKey: KeyPair;
  readonly ssh: Endpoint;
  readonly web: Endpoint;
  /** The port that means the host's own web port to those who come through SSH. */
  readonly webPort: number;
  /** Path as it is on a real host -> where that socket is in the lab. */
  readonly sockets: ReadonlyMap<string, string>;
  readonly startService: (endpoint: Endpoint) => Promise<HostService>;
}

export function locateHome(dir: string, name: string): string {
  return path.join(dir, 'hosts', name);
}

/** Rejects with the kernel's error where an endpoint cannot be had; then nothing of the host is left running. */
export async function openLabHost(options: LabHostOptions): Promise<LabHost> {
  const {name, silo, role, dir} = options;
  const home = locateHome(dir, name);
  for (const folder of ['run', 'bin', 'site']) await mkdir(path.join(home, folder), {recursive: true});
  await writeFile(path.join(home, 'bin', 'restart-site'), restartScript, {mode: 0o755});
  const hostKey = await obtainKeyPair({file: path.join(dir, 'keys', name), comment: name});

  let service: HostService | undefined = await options.startService(options.web);
  const web = service.endpoint;
  const processes = openHostProcesses({home, user: options.user, address: web.address, mark: randomUUID()});
  const isSelf = (host: string) => ['127.0.0.1', 'localhost', '::1', name, web.address].includes(host);
  const openSsh = (endpoint: Endpoint) =>
    openSshEndpoint({
      endpoint,
      user: options.user,
      hostKey,
      clientKey: options.clientKey.publicKey,
      processes,
      locateTcp: (host, port) => (isSelf(host) && port === options.webPort ? web : undefined),
      locateSocket: (file) => options.sockets.get(file),
    });
  let sshd: HostService | undefined = await openSsh(options.ssh).catch(async (error: unknown) => {
    await service?.close();
    throw error;
  });
  const ssh = sshd.endpoint;

  const unplug = async () => {
    const closing = [service, sshd].flatMap((open): readonly Promise<void>[] => (open === undefined ? [] : [open.close()]));
    service = undefined;
    sshd = undefined;
    await Promise.all(closing);
  };
  const plug = async () => {
    service ??= await options.startService(web);
    sshd ??= await openSsh(ssh);
  };
  const stop = async () => {
    await unplug();
    await processes.endAll();
  };
  return {name, silo, role, ssh, web, hostKey, home, unplug, plug, stop};
}
