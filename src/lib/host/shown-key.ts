import {execFile} from 'node:child_process';
import {mkdtemp, readFile, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {DroverError} from '../errors/drover-error.js';
import type {Host} from '../inventory/host.js';
import {fingerprintOf, type KnownHosts} from './known-hosts.js';
import {resolveSsh, sshArguments} from './ssh-settings.js';

/** The key that a host shows to whoever connects, and what is known of it. */
export interface ShownKey {
  readonly host: string;
  /** What known_hosts calls the host: a name, or `[name]:port`. */
  readonly name: string;
  readonly type: string;
  /** Base64. */
  readonly key: string;
  /** `SHA256:…` */
  readonly fingerprint: string;
  /** `changed`: another key of this type is known or pinned. */
  readonly verdict: 'known' | 'new' | 'changed' | 'revoked';
  /** With `changed`: the fingerprints that are known, each with its place. */
  readonly known: readonly string[];
}

/**
 * Asks the OpenSSH client, which knows every way to a host, to connect, to write down the key, and not to log in. `files` are known_hosts files
 * besides the configured ones. Throws `unreachable` with what ssh said.
 */
export async function showHostKey(
  host: Host,
  options: {
    readonly env: NodeJS.ProcessEnv;
    readonly knownHosts: KnownHosts;
    readonly files: readonly string[];
    readonly signal: AbortSignal;
  },
): Promise<ShownKey> {
  const {env, knownHosts, files, signal} = options;
  const {knownHostsFiles} = await resolveSsh(host, env, signal);
  const folder = await mkdtemp(path.join(tmpdir(), 'drover-key-'));
  try {
    const file = path.join(folder, 'shown');
    const said = await connectOnly(host, file, env, signal);
    const [name, type, key] = (await readFile(file, 'utf8').catch(() => '')).trim().split(/\s+/);
    if (name === undefined || type === undefined || key === undefined) {
      const message = `${host.name}: ${said.trim().split('\n').at(-1) || 'no key was shown'}`;
      throw new DroverError({code: 'unreachable', message, host: host.name, fix: 'check that sshd runs there and that you can reach it'});
    }
    const shown = Buffer.from(key, 'base64');
    const known = await knownHosts.lookUp(name, [...knownHostsFiles, ...files]);
    const fingerprint = fingerprintOf(shown);
    const others = known.keys.filter((each) => each.type === type && !each.key.equals(shown));
    const {fingerprint: pinned} = host.ssh;
    const isKnown = pinned === undefined ? known.keys.some((each) => each.key.equals(shown)) : pinned === fingerprint;
    const isChanged = pinned === undefined ? others.length > 0 : !isKnown;
    const isRevoked = known.revoked.some((each) => each.equals(shown));
    return {
      ...{host: host.name, name, type, key, fingerprint},
      verdict: isRevoked ? 'revoked' : isKnown ? 'known' : isChanged ? 'changed' : 'new',
      known: pinned === undefined ? others.map((each) => `${fingerprintOf(each.key)} (${each.where})`) : [`${pinned} (inventory)`],
    };
  } finally {
    await rm(folder, {recursive: true, force: true});
  }
}

/** Gives what ssh said. It always fails, since no way to log in is left. */
function connectOnly(host: Host, file: string, env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<string> {
  const seconds = Math.max(1, Math.ceil(host.ssh.connectTimeoutMs / 1000));
  const set = {
    BatchMode: 'yes',
    CheckHostIP: 'no',
    ConnectTimeout: String(seconds),
    ConnectionAttempts: '1',
    ControlMaster: 'no',
    ControlPath: 'none',
    GlobalKnownHostsFile: '/dev/null',
    HashKnownHosts: 'no',
    PreferredAuthentications: 'none',
    StrictHostKeyChecking: 'accept-new',
    UpdateHostKeys: 'no',
    UserKnownHostsFile: file,
    VerifyHostKeyDNS: 'no',
  };
  // The first value that ssh sees of an option is the one that counts.
  const words = [
    ...Object.entries(set).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
    ...sshArguments(host),
    '-T',
    '--',
    host.name,
    'true',
  ];
  return new Promise((resolve, reject) => {
    const child = execFile('ssh', words, {env, signal, timeout: (seconds + 5) * 1000}, (problem, _stdout, stderr) => {
      if (signal.aborted) reject(signal.reason);
      else resolve(problem?.code === 'ENOENT' ? 'there is no ssh on this machine' : stderr);
    });
    child.stdin?.end();
  });
}
