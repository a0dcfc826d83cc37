import {mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {makeKey, type Sshd, startSshd} from '../test/host/sshd.js';

/** Hosts that share one real sshd on loopback: each is a login key that leads to a home of its own. */
export interface PushFleet {
  readonly hosts: readonly PushHost[];
  readonly port: number;
  /** Text for the project's inventory: so many hosts, dealt out to so many silos. */
  inventory(count: number, more?: {readonly port?: number; readonly silos?: number}): string;
  /** Words of an ssh command to one of them. */
  ssh(host: PushHost, port?: number): readonly string[];
  /** Lets the host key be known at another port as well. */
  knowPort(port: number): void;
  stop(): Promise<void>;
}

export interface PushHost {
  readonly name: string;
  readonly home: string;
  readonly identity: string;
}

export async function startFleet(folder: string, count: number): Promise<PushFleet> {
  mkdirSync(folder, {recursive: true});
  const keys = path.join(folder, 'authorized_keys');
  const sshd: Sshd = await startSshd({
    config: [`AuthorizedKeysFile ${keys}`, 'PermitUserEnvironment yes', 'MaxStartups 1000', 'LogLevel ERROR'],
  });
  const {port, user} = sshd;
  const knownHosts = path.join(folder, 'known_hosts');
  const ports = [port];
  const writeKnown = (): void =>
    writeFileSync(knownHosts, ports.flatMap((each) => sshd.hostKeys.map((key) => `[127.0.0.1]:${each} ${key}\n`)).join(''));
  writeKnown();
  const hosts = Array.from({length: count}, (_, index): PushHost => {
    const name = `web${index + 1}`;
    const home = path.join(folder, 'homes', name);
    mkdirSync(home, {recursive: true});
    const identity = path.join(folder, `key-${name}`);
    makeKey(identity);
    return {name, home, identity};
  });
  writeFileSync(keys, hosts.map(({home, identity}) => `environment="HOME=${home}" ${readFileSync(`${identity}.pub`, 'utf8')}`).join(''));
  return {
    hosts,
    port,
    inventory: (wanted, {port: at = port, silos = 1} = {}) =>
      `hosts:\n${hosts
        .slice(0, wanted)
        .map(
          ({name, identity}, index) =>
            `  ${name}: {silo: s${(index % silos) + 1}, role: web, address: 127.0.0.1, port: ${at}, user: ${user}, identity: ${identity}, known_hosts: ${knownHosts}, config: /dev/null}\n`,
        )
        .join('')}`,
    ssh: ({identity}, at = port) => [
      ...['ssh', '-F', '/dev/null', '-o', 'BatchMode=yes', '-o', `UserKnownHostsFile=${knownHosts}`, '-o', 'IdentitiesOnly=yes'],
      ...['-i', identity, '-l', user, '-p', String(at)],
    ],
    knowPort: (other) => {
      ports.push(other);
      writeKnown();
    },
    stop: () => sshd.stop(),
  };
}
