import {homedir, userInfo} from 'node:os';
import path from 'node:path';
import type {Host} from '../inventory/host.js';
import {type Algorithms, chooseAlgorithms, modernAlgorithms} from './ssh-algorithms.js';
import type {SshAnswer} from './ssh-answer.js';

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
  /** What the in-process client may offer; undefined where it can keep to no part of what ssh_config asks for. */
  readonly algorithms: Algorithms | undefined;
  /** Why the in-process client cannot serve this host; undefined when it can. */
  readonly needsOpenssh: string | undefined;
}

/** What ssh would do for the host, by what it said of it, or of one that it treats alike; `usual` is what it says where nothing is configured. */
export function readAnswer(
  host: Host,
  answer: SshAnswer,
  {env, usual}: {readonly env: NodeJS.ProcessEnv; readonly usual: SshAnswer},
): ResolvedSsh {
  const {values} = answer;
  const one = (key: string): string | undefined => {
    const value = values.get(key)?.[0];
    return value === undefined || value === 'none' ? undefined : value;
  };
  // OpenSSH takes ~ from the user database, whatever HOME says.
  const home = userInfo().homedir;
  const expand = (written: string): string => {
    const file = written.replaceAll('%%', '%');
    return file.startsWith('~/') ? path.join(home, file.slice(2)) : file;
  };
  const algorithms = chooseAlgorithms(answer, usual);
  const agent = values.has('identityagent') ? one('identityagent') : 'SSH_AUTH_SOCK';
  return {
    hostname: one('hostname') ?? host.name,
    port: Number(one('port') ?? 22),
    user: values.get('user')?.[0] ?? '',
    identityFiles: (values.get('identityfile') ?? []).map(expand),
    identitiesOnly: one('identitiesonly') === 'yes',
    agent: agent === undefined ? undefined : agent === 'SSH_AUTH_SOCK' ? env.SSH_AUTH_SOCK : expand(agent),
    knownHostsFiles:
      host.ssh.knownHosts === undefined
        ? [...splitFiles(one('userknownhostsfile')), ...splitFiles(one('globalknownhostsfile'))].map(expand)
        : [host.ssh.knownHosts],
    hostKeyAlias: one('hostkeyalias'),
    addressFamily: one('addressfamily') ?? 'any',
    proxyJump: one('proxyjump')?.split(',')[0],
    algorithms: typeof algorithms === 'string' ? undefined : algorithms,
    needsOpenssh: whyOpenssh(values) ?? (typeof algorithms === 'string' ? algorithms : undefined),
  };
}

/** ssh prints several paths without the quotes that they were written with: the next one begins where one can begin. */
function splitFiles(value: string | undefined): string[] {
  return (value ?? '')
    .split(/\s+(?="?[~/])/)
    .map((file) => file.replace(/^"(.*)"$/, '$1'))
    .filter((file) => file !== '');
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
  return paths.some((file) => file.replaceAll('%%', '').includes('%')) ? 'a path with % tokens' : undefined;
}

/** OpenSSH's defaults, where there is no ssh to ask. */
export function resolveDefaults(host: Host, env: NodeJS.ProcessEnv): ResolvedSsh {
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
    algorithms: modernAlgorithms,
    needsOpenssh: undefined,
  };
}
