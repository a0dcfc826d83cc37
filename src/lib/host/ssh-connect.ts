import {type Config, NodeSSH} from 'node-ssh';
import type {AnyAuthMethod, AuthHandlerMiddleware, Algorithms as SshAlgorithms} from 'ssh2';
import {DroverError} from '../errors/drover-error.js';
import type {Host} from '../inventory/host.js';
import {hastenLogin, openSocket} from './brisk-login.js';
import {DroppedLogin, explainMethods} from './dropped-login.js';
import {type HostKeyAlgorithm, hostKeyFamilies, judgeHostKey, orderAlgorithms} from './host-key.js';
import {fingerprintOf, type KnownHosts, type KnownKeys, knownName} from './known-hosts.js';
import type {Link} from './link.js';
import type {Algorithms} from './ssh-algorithms.js';
import {type KeyFiles, readIdentities} from './ssh-identities.js';
import {SshLink} from './ssh-link.js';
import type {ResolvedSsh} from './ssh-settings.js';

/** What ssh_config calls them, and Node; any by default. */
const families: Readonly<Record<string, number>> = {inet: 4, inet6: 6};

interface Login {
  readonly host: Host;
  readonly resolved: ResolvedSsh;
  readonly known: KnownKeys;
  readonly algorithms: Algorithms;
  readonly identities: readonly AnyAuthMethod[];
  readonly signal: AbortSignal;
}

/**
 * The in-process client: one connection for the whole run, host key checked against known_hosts or the inventory's pin, agent and key
 * files as OpenSSH would use them, and nothing negotiated that ssh_config leaves out. Throws `unreachable`, `authentication`, `host-key` or
 * `refused`, or the signal's reason.
 */
export async function connectSsh(
  host: Host,
  resolved: ResolvedSsh,
  {knownHosts, keyFiles, signal}: {readonly knownHosts: KnownHosts; readonly keyFiles: KeyFiles; readonly signal: AbortSignal},
): Promise<Link> {
  const {algorithms} = resolved;
  if (algorithms === undefined) {
    throw new DroverError({
      code: 'refused',
      message: `${host.name}: link: ssh cannot keep to ${resolved.needsOpenssh} of your ssh_config`,
      host: host.name,
      fix: 'set ssh: {link: openssh}, or auto, in the inventory',
    });
  }
  const known = await knownHosts.lookUp(knownName(resolved), resolved.knownHostsFiles);
  const identities = await readIdentities(host, resolved, keyFiles);
  const login: Login = {host, resolved, known, algorithms, identities, signal};
  const first = await logIn(login, orderAlgorithms(known));
  if (first.kind === 'open') return first.link;
  if (host.ssh.fingerprint === undefined || first.shown === undefined) throw first.error;
  // The pin does not say which of the server's keys it is of: each other kind of key is asked for.
  for (const family of hostKeyFamilies.filter((names) => names.some((name) => algorithms.serverHostKey.includes(name)))) {
    const next = await logIn(login, family);
    if (next.kind === 'open') return next.link;
    if (next.shown !== undefined && fingerprintOf(next.shown) === host.ssh.fingerprint) throw next.error;
  }
  throw first.error;
}

/** `shown` is the host key, where it was the host key that failed. */
type Attempt =
  | {readonly kind: 'open'; readonly link: Link}
  | {readonly kind: 'failed'; readonly error: DroverError; readonly shown: Buffer | undefined};

async function logIn(
  {host, resolved, known, algorithms, identities, signal}: Login,
  hostKeys: readonly HostKeyAlgorithm[],
): Promise<Attempt> {
  let verdict: DroverError | undefined;
  let shown: Buffer | undefined;
  let methods: readonly string[] = [];
  const config: Config = {
    host: resolved.hostname,
    port: resolved.port,
    username: resolved.user,
    readyTimeout: host.ssh.connectTimeoutMs,
    keepaliveInterval: 5000,
    keepaliveCountMax: 3,
    agentForward: false,
    strictVendor: false,
    algorithms: {...algorithms, serverHostKey: hostKeys.filter((name) => algorithms.serverHostKey.includes(name))} as SshAlgorithms,
    hostVerifier: (key: Buffer) => {
      shown = key;
      verdict = judgeHostKey(host, knownName(resolved), key, known);
      return verdict === undefined;
    },
    authHandler: offerInTurn(identities, (left) => {
      methods = left;
    }),
  };
  signal.throwIfAborted();
  const client = new NodeSSH();
  const connecting = client.connect({
    ...config,
    sock: openSocket({host: resolved.hostname, port: resolved.port, family: families[resolved.addressFamily] ?? 0}),
  });
  const socketOwner = client.connection;
  if (socketOwner !== null) hastenLogin(socketOwner);
  const abort = (): void => {
    socketOwner?.destroy();
  };
  signal.addEventListener('abort', abort, {once: true});
  try {
    await connecting;
  } catch (error) {
    client.dispose();
    signal.throwIfAborted();
    if (verdict !== undefined) return {kind: 'failed', error: verdict, shown};
    const failure = error as LoginFailure;
    // A stranger's banner ends in the same words, but shows a key or does not close.
    const dropped = shown === undefined && (failure.code === 'ECONNRESET' || /before handshake/.test(failure.message));
    const where = `${resolved.user}@${resolved.hostname}:${resolved.port}`;
    return {
      kind: 'failed',
      error: dropped ? new DroppedLogin(host, where) : connectionError(host, where, failure, methods),
      shown: undefined,
    };
  } finally {
    signal.removeEventListener('abort', abort);
  }
  const {connection} = client;
  if (connection === null || shown === undefined)
    return {kind: 'failed', error: new DroppedLogin(host, resolved.hostname), shown: undefined};
  return {kind: 'open', link: new SshLink(host, client, connection, fingerprintOf(shown))};
}

/** Each way to log in once, in order; a refused login is never tried again. `hear` gets what the server still takes. */
function offerInTurn(identities: readonly AnyAuthMethod[], hear: (methods: readonly string[]) => void): AuthHandlerMiddleware {
  const left = [...identities];
  return (methods, _partial, next) => {
    hear(methods ?? []);
    next(left.shift() ?? (false as unknown as AnyAuthMethod));
  };
}

type LoginFailure = Error & {readonly level?: string; readonly code?: string};

function connectionError(host: Host, where: string, error: LoginFailure, methods: readonly string[]): DroverError {
  const tooMany = /Too many authentication failures/.test(error.message);
  if (error.level === 'client-authentication' || tooMany) {
    const wants = explainMethods(methods);
    const fix = tooMany
      ? 'name the key: ssh: {identity: …} in the inventory; each key of the agent counts as a try (MaxAuthTries)'
      : 'check the user and that its authorized_keys holds your key; keys tried come from the agent and the identity files';
    const message = `${host.name}: ${where} refused the login${tooMany ? ': too many keys were tried' : ''}`;
    return new DroverError({
      code: 'authentication',
      host: host.name,
      message: wants === undefined ? message : `${message}: ${wants.message}`,
      fix: wants?.fix ?? fix,
    });
  }
  const words: Record<string, string> = {
    ECONNREFUSED: 'connection refused',
    EHOSTUNREACH: 'no route to the host',
    ENETUNREACH: 'no route to the network',
    ENOTFOUND: 'the name does not resolve',
    EAI_AGAIN: 'the name does not resolve now',
    ETIMEDOUT: 'no answer',
    ECONNRESET: 'connection reset',
  };
  const why =
    error.level === 'client-timeout'
      ? `no SSH session within ${host.ssh.connectTimeoutMs / 1000} s`
      : (words[error.code ?? ''] ?? error.message);
  return new DroverError({
    code: 'unreachable',
    message: `${host.name}: ${where}: ${why}`,
    host: host.name,
    fix: 'check that sshd runs there and that you can reach it',
  });
}
