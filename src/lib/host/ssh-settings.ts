import {execFile} from 'node:child_process';
import {homedir, userInfo} from 'node:os';
import path from 'node:path';
import {DroverError} from '../errors/drover-error.js';
import type {Host} from '../inventory/host.js';

/** What OpenSSH itself would use for one host. */
export interface ResolvedSsh {
  readonly hostname: string;
  readonly port: number;
  readonly user: string;
  readonly identityFiles: readonly string[];
  readonly identitiesOnly: boolean;
  /** Path of the agent's socket. */
  readonly agent: string | undefined;
  readonly knownHostsFiles: readonly string[];
  /** The name to look up in known_hosts, before the port is added. */
  readonly hostKeyAlias: string | undefined;
  /** `any`, `inet` or `inet6`. */
  readonly addressFamily: string;
  /** The first host on the way there, as ssh_config names it. */
  readonly proxyJump: string | undefined;
  /** Why the in-process client cannot serve this host; undefined when it can. */
  readonly needsOpenssh: string | undefined;
}

/** The arguments that name a host to `ssh`, from the inventory alone: every value is an option of its own, none is a shell word. */
export function sshArguments(host: Host): string[] {
  const {ssh} = host;
  const words: string[] = [];
  if (ssh.config !== undefined) words.push('-F', ssh.config);
  if (ssh.user !== undefined) words.push('-l', ssh.user);
  if (ssh.port !== undefined) words.push('-p', String(ssh.port));
  if (ssh.address !== undefined) words.push('-o', `HostName=${ssh.address}`);
  if (ssh.identity !== undefined) words.push('-i', ssh.identity, '-o', 'IdentitiesOnly=yes');
  if (ssh.knownHosts !== undefined)
    words.push('-o', `UserKnownHostsFile=${quotePath(ssh.knownHosts)}`, '-o', 'GlobalKnownHostsFile=/dev/null');
  return words;
}

/** ssh_config splits file lists at blanks, unless they are quoted. */
export function quotePath(file: string): string {
  return /\s/.test(file) ? `"${file}"` : file;
}

/** Asks `ssh -G`, which knows Include, Match and tokens; where there is no ssh, OpenSSH's defaults hold. */
export async function resolveSsh(host: Host, env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<ResolvedSsh> {
  const {problem, stdout, stderr} = await askSsh(['-G', ...sshArguments(host), '--', host.name], env, signal);
  signal.throwIfAborted();
  if (problem?.code === 'ENOENT') return resolveDefaults(host, env);
  if (problem !== null) {
    const words = (stderr || problem.message).trim().split('\n').at(-1);
    throw new DroverError({
      code: 'unreachable',
      message: `ssh -G ${host.name} failed: ${words}`,
      host: host.name,
      fix: 'correct your ssh_config',
    });
  }
  const values = new Map<string, string[]>();
  for (const line of stdout.split('\n')) {
    const space = line.indexOf(' ');
    const key = line.slice(0, space);
    values.set(key, [...(values.get(key) ?? []), line.slice(space + 1)]);
  }
  const one = (key: string): string | undefined => {
    const value = values.get(key)?.[0];
    return value === undefined || value === 'none' ? undefined : value;
  };
  // OpenSSH takes ~ from the user database, whatever HOME says.
  const home = userInfo().homedir;
  const expand = (file: string): string => (file.startsWith('~/') ? path.join(home, file.slice(2)) : file);
  const agent = values.has('identityagent') ? one('identityagent') : 'SSH_AUTH_SOCK';
  return {
    hostname: one('hostname') ?? host.name,
    port: Number(one('port') ?? 22),
    user: one('user') ?? '',
    identityFiles: (values.get('identityfile') ?? []).map(expand),
    identitiesOnly: one('identitiesonly') === 'yes',
    agent: agent === undefined ? undefined : agent === 'SSH_AUTH_SOCK' ? env.SSH_AUTH_SOCK : expand(agent),
    knownHostsFiles: [...splitFiles(one('userknownhostsfile')), ...splitFiles(one('globalknownhostsfile'))].map(expand),
    hostKeyAlias: one('hostkeyalias'),
    addressFamily: one('addressfamily') ?? 'any',
    proxyJump: one('proxyjump')?.split(',')[0],
    needsOpenssh: whyOpenssh(values),
  };
}

interface SshAnswer {
  /** Null when it ended well. */
  readonly problem: (Error & {readonly code?: unknown}) | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Bare, as every run asks once for each host: execa took ten milliseconds of CPU more for each of the first. */
function askSsh(args: readonly string[], env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<SshAnswer> {
  return new Promise((resolve) => {
    const child = execFile('ssh', args, {env, signal, timeout: 10_000}, (problem, stdout, stderr) => resolve({problem, stdout, stderr}));
    child.stdin?.end();
  });
}

function splitFiles(value: string | undefined): string[] {
  return [...(value ?? '').matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2] ?? '');
}

/** Settings that only the OpenSSH client honours. */
const foreign = {
  bindaddress: 'BindAddress',
  bindinterface: 'BindInterface',
  certificatefile: 'CertificateFile',
  knownhostscommand: 'KnownHostsCommand',
  pkcs11provider: 'PKCS11Provider',
  proxycommand: 'ProxyCommand',
  proxyjump: 'ProxyJump',
  revokedhostkeys: 'RevokedHostKeys',
};

function whyOpenssh(values: ReadonlyMap<string, readonly string[]>): string | undefined {
  const set = Object.entries(foreign).find(([key]) => values.get(key)?.some((value) => value !== 'none' && value !== ''));
  if (set !== undefined) return set[1];
  const paths = ['identityfile', 'identityagent', 'userknownhostsfile', 'globalknownhostsfile'].flatMap((key) => values.get(key) ?? []);
  return paths.some((file) => file.includes('%')) ? 'a path with % tokens' : undefined;
}

function resolveDefaults(host: Host, env: NodeJS.ProcessEnv): ResolvedSsh {
  const home = env.HOME ?? homedir();
  const {ssh} = host;
  return {
    hostname: ssh.address ?? host.name,
    port: ssh.port ?? 22,
    user: ssh.user ?? env.USER ?? '',
    identityFiles:
      ssh.identity === undefined ? ['id_ed25519', 'id_ecdsa', 'id_rsa'].map((name) => path.join(home, '.ssh', name)) : [ssh.identity],
    identitiesOnly: ssh.identity !== undefined,
    agent: env.SSH_AUTH_SOCK,
    knownHostsFiles: ssh.knownHosts === undefined ? [path.join(home, '.ssh/known_hosts'), '/etc/ssh/ssh_known_hosts'] : [ssh.knownHosts],
    hostKeyAlias: undefined,
    addressFamily: 'any',
    proxyJump: undefined,
    needsOpenssh: undefined,
  };
}
