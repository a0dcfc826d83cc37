import {mkdtemp, rm} from 'node:fs/promises';
import path from 'node:path';
import type {Host} from '../inventory/host.js';
import {KnownHosts} from './known-hosts.js';
import type {Link, LinkOpener} from './link.js';
import {LocalLink} from './local-link.js';
import {connectOpenssh} from './openssh-link.js';
import {PrintingLink} from './printing-link.js';
import {connectSsh} from './ssh-link.js';
import {resolveSsh} from './ssh-settings.js';

export interface LinkOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Where control sockets may lie: short and ours. */
  readonly runtimeDirectory: string;
}

/** The door to hosts. Picks the client per host, opens each connection once, and opens it again after it was lost. */
export function createLinkOpener(options: LinkOptions): LinkOpener {
  const links = new Map<string, Promise<Link>>();
  const knownHosts = new KnownHosts();
  let directory: Promise<string> | undefined;

  const connect = async (host: Host, signal: AbortSignal): Promise<Link> => {
    if (host.ssh.link === 'local') return new LocalLink(host, options.env);
    const openssh = async (): Promise<Link> => {
      directory ??= mkdtemp(path.join(options.runtimeDirectory, 'drover-'));
      return connectOpenssh(host, {directory: await directory, env: options.env, signal});
    };
    if (host.ssh.link === 'openssh') return openssh();
    const resolved = await resolveSsh(host, options.env, signal);
    if (host.ssh.link === 'auto') {
      if (resolved.needsOpenssh !== undefined) return openssh();
      const name = resolved.hostKeyAlias ?? (resolved.port === 22 ? resolved.hostname : `[${resolved.hostname}]:${resolved.port}`);
      const known = await knownHosts.lookUp(name, resolved.knownHostsFiles);
      if (known.certified && known.keys.length === 0) return openssh();
    }
    return connectSsh(host, resolved, knownHosts, signal);
  };

  return {
    async open(host, signal) {
      const open = links.get(host.name);
      if (open !== undefined) return open;
      const opening = connect(host, signal);
      links.set(host.name, opening);
      opening.catch(() => links.delete(host.name));
      return opening;
    },
    async drop(host) {
      const link = links.get(host.name);
      links.delete(host.name);
      await link?.then((open) => open.close()).catch(() => undefined);
    },
    async closeAll() {
      const open = [...links.values()];
      links.clear();
      await Promise.all(open.map((link) => link.then((one) => one.close()).catch(() => undefined)));
      if (directory !== undefined) await rm(await directory, {recursive: true, force: true});
    },
  };
}

/** The same door for a dry run. */
export function createPrintingOpener(print: (line: string) => void): LinkOpener {
  return {open: async (host) => new PrintingLink(host, print), drop: async () => undefined, closeAll: async () => undefined};
}
