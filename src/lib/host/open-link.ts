import {setMaxListeners} from 'node:events';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import type {Host} from '../inventory/host.js';
import {KnownHosts, knownName} from './known-hosts.js';
import type {Link, LinkOpener} from './link.js';
import {LocalLink} from './local-link.js';
import {doorTo, LoginGate} from './login-gate.js';
import {connectOpenssh} from './openssh-link.js';
import {runShell} from './openssh-shell.js';
import {PrintingLink} from './printing-link.js';
import {connectSsh} from './ssh-connect.js';
import {KeyFiles} from './ssh-identities.js';
import {SshResolver} from './ssh-resolver.js';
import type {ResolvedSsh} from './ssh-settings.js';

export interface LinkOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Where control sockets may lie: short and ours. */
  readonly runtimeDirectory: string;
  /** Hears of each host that ssh carries because drover's own client cannot serve it, and why. */
  readonly onOpenssh?: (host: Host, why: string) => Promise<void>;
}

/** ssh binds its control socket under a longer name first, and a socket's path ends at 104 bytes on some systems. */
const longestDirectory = 104 - '/0123456789ab.0123456789abcdef'.length - '/drover-XXXXXX'.length;

/** The door to hosts. Picks the client per host, opens each connection once, and opens it again after it was lost. */
export function createLinkOpener(options: LinkOptions): LinkOpener {
  const links = new Map<string, Promise<Link>>();
  const resolver = new SshResolver(options.env);
  const knownHosts = new KnownHosts();
  const keyFiles = new KeyFiles();
  const gate = new LoginGate();
  let directory: Promise<string> | undefined;
  const socketDirectory = (): Promise<string> => {
    directory ??= makeDirectory(options.runtimeDirectory);
    return directory;
  };

  const connect = async (host: Host, signal: AbortSignal): Promise<Link> => {
    if (host.ssh.link === 'local') return new LocalLink(host, options.env);
    // A run has one signal for all hosts: many listeners are no leak.
    setMaxListeners(0, signal);
    const resolved = await resolver.resolve(host, signal);
    const why = host.ssh.link === 'auto' ? await whyOpenssh(resolved, knownHosts, keyFiles) : undefined;
    if (why !== undefined) await options.onOpenssh?.(host, why);
    const byOpenssh = why !== undefined || host.ssh.link === 'openssh';
    return gate.pass(doorTo(resolved), signal, async () => {
      if (!byOpenssh) return connectSsh(host, resolved, {knownHosts, keyFiles, signal});
      return connectOpenssh(host, {directory: await socketDirectory(), env: options.env, resolved, knownHosts, signal});
    });
  };

  return {
    async open(host, signal) {
      const open = links.get(host.name);
      if (open !== undefined) return open;
      const opening = connect(host, signal);
      links.set(host.name, opening);
      opening.catch(() => {
        if (links.get(host.name) === opening) links.delete(host.name);
      });
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
      directory = undefined;
    },
  };
}

/** A folder of our own (0700) in the first place that is short enough for a socket and lets us write. */
async function makeDirectory(wanted: string): Promise<string> {
  for (const place of [wanted, tmpdir()]) {
    if (Buffer.byteLength(place) > longestDirectory) continue;
    const made = await mkdtemp(path.join(place, 'drover-')).catch(() => undefined);
    if (made !== undefined) return made;
  }
  return mkdtemp('/tmp/drover-');
}

/** What the in-process client cannot do: settings, hosts that only a certificate authority vouches for, keys on security tokens. */
async function whyOpenssh(resolved: ResolvedSsh, knownHosts: KnownHosts, keyFiles: KeyFiles): Promise<string | undefined> {
  if (resolved.needsOpenssh !== undefined) return resolved.needsOpenssh;
  const known = await knownHosts.lookUp(knownName(resolved), resolved.knownHostsFiles);
  if (known.certified && known.keys.length === 0) return 'a certificate authority for its key';
  const keys = await Promise.all(resolved.identityFiles.map((file) => keyFiles.read(file)));
  const needsToken = keys.some((key) => key.kind === 'foreign') && !keys.some((key) => key.kind === 'private');
  return needsToken ? 'a key that ssh alone can use' : undefined;
}

/** A shell on one host for a person, whichever client would serve it otherwise; gives its exit status. */
export async function openShell(
  host: Host,
  {env, runtimeDirectory, signal}: LinkOptions & {readonly signal: AbortSignal},
): Promise<number> {
  const directory = await makeDirectory(runtimeDirectory);
  try {
    const resolved = await new SshResolver(env).resolve(host, signal);
    return await runShell(host, {directory, env, resolved, knownHosts: new KnownHosts(), signal});
  } finally {
    await rm(directory, {recursive: true, force: true});
  }
}

/** The same door for a dry run: reads through `real`, prints the rest. */
export function createPrintingOpener(real: LinkOpener, print: (line: string) => void): LinkOpener {
  return {...real, open: async (host) => new PrintingLink(host, print, (signal) => real.open(host, signal))};
}
