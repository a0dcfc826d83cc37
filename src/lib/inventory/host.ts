declare const brand: unique symbol;

/** A name that passed `parseHostName`: letters, digits, dot, hyphen and underscore, or an IP address; never an option or a shell word. */
export type HostName = string & {readonly [brand]: 'HostName'};
export type SiloName = string & {readonly [brand]: 'SiloName'};
export type RoleName = string & {readonly [brand]: 'RoleName'};
export type AppName = string & {readonly [brand]: 'AppName'};

/** Which client carries the connection. `auto` chooses per host. */
export type LinkChoice = 'auto' | 'ssh' | 'openssh' | 'local';

/** How to reach one host. What is undefined comes from ~/.ssh/config, then from OpenSSH's defaults. */
export interface SshSettings {
  readonly user?: string;
  /** 1..65535 */
  readonly port?: number;
  /** Where to connect when it is not the host's name: a name or an IP address. */
  readonly address?: string;
  /** Path of a private key, absolute (resolved against the inventory's folder, `~/` expanded). */
  readonly identity?: string;
  /** Path of the ssh_config to use instead of ~/.ssh/config. */
  readonly config?: string;
  /** Path of the known_hosts to use instead of the configured ones. */
  readonly knownHosts?: string;
  /** Pinned host key, `SHA256:…` as ssh-keygen -lf prints it. */
  readonly fingerprint?: string;
  readonly link: LinkChoice;
  readonly connectTimeoutMs: number;
}

export interface Host {
  readonly name: HostName;
  readonly silo: SiloName;
  readonly roles: readonly RoleName[];
  readonly ssh: SshSettings;
  /** Where other hosts of its silo reach it, when that is neither its address nor its name: a name or an IP address. */
  readonly relayAddress?: string;
}

/** Hosts in the order of the file, names unique. */
export interface Inventory {
  readonly file: string;
  readonly hosts: readonly Host[];
}
