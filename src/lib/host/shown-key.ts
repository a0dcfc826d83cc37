import {mkdtemp, readFile, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {DroverError} from '../errors/drover-error.js';
import type {Host} from '../inventory/host.js';
import {runChild} from './child-exec.js';
import {DroppedLogin} from './dropped-login.js';
import {type HostKeyAlgorithm, hostKeyFamilies, orderAlgorithms} from './host-key.js';
import {fingerprintOf, type KnownHosts, knownName} from './known-hosts.js';
import {doorTo, type LoginGate} from './login-gate.js';
import {findWayEnded, readSshError} from './openssh-error.js';
import {escapeToken, quotePath, sshArguments} from './ssh-arguments.js';
import type {SshResolver} from './ssh-resolver.js';

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
  /** `changed`: keys of the host are known, or one is pinned, and it shows none of them. */
  readonly verdict: 'known' | 'new' | 'changed' | 'revoked';
  /** The fingerprints that are known, each with its place. */
  readonly known: readonly string[];
}

/**
 * Asks the OpenSSH client, which knows every way to a host, to connect, to write down the key, and not to log in. Like the links, it asks for
 * the known keys first, and for each kind of key where one is pinned. `files` are known_hosts files besides the configured ones. It takes its turn
 * at the gate, since to sshd this is a login. Throws `unreachable` with what ssh said.
 */
export async function showHostKey(
  host: Host,
  options: {
    readonly env: NodeJS.ProcessEnv;
    readonly resolver: SshResolver;
    readonly knownHosts: KnownHosts;
    readonly files: readonly string[];
    readonly gate: LoginGate;
    readonly signal: AbortSignal;
  },
): Promise<ShownKey> {
  const {env, resolver, knownHosts, files, gate, signal} = options;
  const resolved = await resolver.resolve(host, signal);
  const name = knownName(resolved);
  const known = await knownHosts.lookUp(name, [...new Set([...resolved.knownHostsFiles, ...files])]);
  const {fingerprint: pinned} = host.ssh;
  const {type, key} = await gate.pass(doorTo(resolved), signal, () =>
    readShown(host, {
      tries: pinned === undefined ? [orderAlgorithms(known)] : hostKeyFamilies,
      isRight: (shown) => pinned === undefined || fingerprintOf(shown) === pinned,
      ...{env, signal},
    }),
  );
  const fingerprint = fingerprintOf(key);
  const isKnown = pinned === undefined ? known.keys.some((each) => each.key.equals(key)) : pinned === fingerprint;
  const isRevoked = known.revoked.some((each) => each.equals(key));
  const isNew = pinned === undefined && known.keys.length === 0;
  return {
    ...{host: host.name, name, type, key: key.toString('base64'), fingerprint},
    verdict: isRevoked ? 'revoked' : isKnown ? 'known' : isNew ? 'new' : 'changed',
    known: pinned === undefined ? known.keys.map((each) => `${fingerprintOf(each.key)} (${each.where})`) : [`${pinned} (inventory)`],
  };
}

interface Asked {
  readonly type: string;
  readonly key: Buffer;
}

interface Asking {
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

/** The first key that is right, else the first that was shown. Where the host has none of the kinds tried, it is asked as ssh itself would. */
async function readShown(
  host: Host,
  {
    tries,
    isRight,
    ...asking
  }: Asking & {readonly tries: readonly (readonly HostKeyAlgorithm[])[]; readonly isRight: (shown: Buffer) => boolean},
): Promise<Asked> {
  let first: Asked | undefined;
  for (const algorithms of tries) {
    const shown = await askForKey(host, algorithms, asking);
    if (typeof shown !== 'string') {
      if (isRight(shown.key)) return shown;
      first ??= shown;
    } else if (!/no matching host key type/.test(shown)) throw explainSilence(host, shown);
  }
  if (first !== undefined) return first;
  const shown = await askForKey(host, undefined, asking);
  if (typeof shown === 'string') throw explainSilence(host, shown);
  return shown;
}

function explainSilence(host: Host, said: string): DroverError {
  const meant = readSshError(host, said);
  if (meant instanceof DroppedLogin) return meant;
  const lines = said.trim().split(/\s*\n/);
  const message = `${host.name}: ${findWayEnded(lines) ?? (lines.at(-1) || 'no key was shown')}`;
  return new DroverError({code: 'unreachable', message, host: host.name, fix: 'check that sshd runs there and that you can reach it'});
}

/** The key, or what ssh said. */
async function askForKey(host: Host, algorithms: readonly HostKeyAlgorithm[] | undefined, asking: Asking): Promise<Asked | string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'drover-key-'));
  try {
    const file = path.join(folder, 'shown');
    const said = await connectOnly(host, {file, algorithms, ...asking});
    const [, type, key] = (await readFile(file, 'utf8').catch(() => '')).trim().split(/\s+/);
    return type === undefined || key === undefined ? said : {type, key: Buffer.from(key, 'base64')};
  } finally {
    await rm(folder, {recursive: true, force: true});
  }
}

/**
 * Gives what ssh said. It always fails, since no way to log in is left. It has no terminal: the ssh that it starts for a jump host reads none
 * of its options, and would ask there.
 */
async function connectOnly(
  host: Host,
  {file, algorithms, env, signal}: Asking & {readonly file: string; readonly algorithms: readonly HostKeyAlgorithm[] | undefined},
): Promise<string> {
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
    ...(algorithms === undefined ? {} : {HostKeyAlgorithms: algorithms.join(',')}),
    PreferredAuthentications: 'none',
    StrictHostKeyChecking: 'accept-new',
    UpdateHostKeys: 'no',
    UserKnownHostsFile: quotePath(escapeToken(file)),
    VerifyHostKeyDNS: 'no',
  };
  // The first value that ssh sees of an option is the one that counts.
  const options = Object.entries(set).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const totalTimeoutMs = (seconds + 5) * 1000;
  const {exit, stderr} = await runChild(
    {command: 'true', idleTimeoutMs: totalTimeoutMs, totalTimeoutMs, maxOutputBytes: 64 * 1024, signal},
    ['ssh', ...options, ...sshArguments(host), '-T', '--', host.name, 'true'],
    {env: {...env, SSH_ASKPASS_REQUIRE: 'never'}},
  );
  signal.throwIfAborted();
  if (exit.kind === 'lost' && /ENOENT/.test(exit.reason)) return 'there is no ssh on this machine';
  return stderr.toString('utf8');
}
