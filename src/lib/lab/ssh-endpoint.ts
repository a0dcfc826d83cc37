import {timingSafeEqual} from 'node:crypto';
import net from 'node:net';
import ssh2, {type AuthContext, type Connection, type ServerChannel, type Session} from 'ssh2';
import type {HostProcesses} from './host-processes.js';
import type {KeyPair} from './lab-keys.js';
import {type Endpoint, listen, prepareToClose} from './lab-network.js';
import {serveExec} from './ssh-exec.js';

interface SshEndpointOptions {
  readonly endpoint: Endpoint;
  readonly user: string;
  readonly hostKey: KeyPair;
  /** The only key that may log in, as `ssh-ed25519 AAAA…`. */
  readonly clientKey: string;
  readonly processes: HostProcesses;
  /** Where a TCP port of the host really listens; undefined refuses the forwarding. */
  readonly locateTcp: (host: string, port: number) => Endpoint | undefined;
  /** Where a Unix socket of the host really is; undefined refuses the forwarding. */
  readonly locateSocket: (path: string) => string | undefined;
}

export interface SshEndpoint {
  readonly endpoint: Endpoint;
  /** Stops listening and cuts all connections; the processes that they started go on. */
  close(): Promise<void>;
}

/** ssh2 as a client forwards Unix sockets only to servers that say they are OpenSSH 5 or later. */
const ident = 'OpenSSH_9.0 drover-lab';

/**
 * The sshd of one lab host: public key only, one user, `exec` of real processes, and forwarding to the host's own sockets.
 * No shell, no pty, no subsystem, no remote forwarding. Rejects with the kernel's error when it cannot listen.
 */
export async function openSshEndpoint(options: SshEndpointOptions): Promise<SshEndpoint> {
  const sshServer = new ssh2.Server({hostKeys: [options.hostKey.privateKey], ident});
  sshServer.on('connection', (connection) => serveConnection(connection, options));
  const listener = net.createServer({noDelay: true}, (socket) => {
    socket.on('error', ignoreCutConnection);
    sshServer.injectSocket(socket);
  });
  const close = prepareToClose(listener);
  return {endpoint: await listen(listener, options.endpoint), close};
}

/**
 * A client that resets its connection is everyday life for an sshd. ssh2 reports it as an `error` event on the
 * connection, its channels and the socket, each of which would end the process without a listener.
 */
function ignoreCutConnection(): void {}

function serveConnection(connection: Connection, options: SshEndpointOptions): void {
  connection.on('error', ignoreCutConnection);
  connection.setMaxListeners(0);
  const expectedKey = Buffer.from(options.clientKey.split(' ')[1] ?? '', 'base64');
  connection.on('authentication', (attempt) => {
    if (mayLogIn(attempt, options.user, expectedKey)) attempt.accept();
    else attempt.reject(['publickey']);
  });
  connection.on('ready', () => {
    connection.on('session', (accept) => serveSession(accept(), connection, options.processes));
  });
  connection.on('tcpip', (accept, reject, {destIP, destPort}) => {
    const target = options.locateTcp(destIP, destPort);
    if (target === undefined) reject();
    else forward({connection, target: net.connect({host: target.address, port: target.port}), accept, reject});
  });
  connection.on('openssh.streamlocal', (accept, reject, {socketPath}) => {
    const target = options.locateSocket(socketPath);
    if (target === undefined) reject();
    else forward({connection, target: net.connect({path: target}), accept, reject});
  });
}

function mayLogIn(attempt: AuthContext, user: string, expectedKey: Buffer): boolean {
  if (attempt.method !== 'publickey' || attempt.username !== user || attempt.key.algo !== 'ssh-ed25519') return false;
  const {data} = attempt.key;
  if (data.length !== expectedKey.length || !timingSafeEqual(data, expectedKey)) return false;
  if (attempt.signature === undefined || attempt.blob === undefined) return true;
  const key = ssh2.utils.parseKey(`ssh-ed25519 ${expectedKey.toString('base64')}`);
  return !(key instanceof Error) && key.verify(attempt.blob, attempt.signature, attempt.hashAlgo) === true;
}

function serveSession(session: Session, connection: Connection, processes: HostProcesses): void {
  session.on('error', ignoreCutConnection);
  session.on('exec', (accept, _reject, {command}) => serveExec({session, channel: accept(), connection, child: processes.start(command)}));
}

interface Forwarding {
  readonly connection: Connection;
  readonly target: net.Socket;
  readonly accept: () => ServerChannel;
  readonly reject: () => void;
}

/** Accepts the channel once the target has answered, as sshd does, so that a refused target is a refused channel. */
function forward({connection, target, accept, reject}: Forwarding): void {
  const drop = () => target.destroy();
  const refuse = () => reject();
  connection.once('close', drop);
  target.once('close', () => connection.off('close', drop));
  target.once('error', refuse);
  target.once('connect', () => {
    target.off('error', refuse);
    const channel = accept();
    channel.on('error', drop);
    target.on('error', () => channel.close());
    channel.once('close', drop);
    target.pipe(channel);
    channel.pipe(target);
  });
}
