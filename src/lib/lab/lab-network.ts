import {once} from 'node:events';
import {chmod, rm} from 'node:fs/promises';
import type {Server, Socket} from 'node:net';

/** Where a socket listens. Port 0 lets the kernel choose. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** The addresses of one practice fleet; hosts are counted from 1. */
export interface AddressPlan {
  readonly name: string;
  /** The port that means "the web app" on every host. */
  readonly webPort: number;
  ssh(host: number): Endpoint;
  web(host: number): Endpoint;
}

/** As many as have an address of their own in 127.x.0.0/24, the balancer included. */
export const maxHosts = 250;

const firstNetwork = 77;
const networks = 20;
const portPairs = [
  [2222, 8080],
  [12222, 18080],
  [22222, 28080],
] as const;

/**
 * Plans to try in this order. Linux answers on all of 127.0.0.0/8, so each host gets an address of its own and the same ports as
 * every other host, like real machines; programs on a host reach its own web port at $DROVER_LOCAL_ADDRESS. A second
 * fleet, or whoever holds a port, moves the fleet to the next network, then to the next ports. Systems with 127.0.0.1
 * only get the last plan: ports chosen by the kernel, where port 8080 exists through SSH forwarding alone.
 */
export function listAddressPlans(): readonly AddressPlan[] {
  const own = portPairs.flatMap(([sshPort, webPort]) =>
    Array.from({length: networks}, (_, index): AddressPlan => {
      const network = `127.${firstNetwork + index}.0`;
      return {
        name: `${network}.x ports ${sshPort} and ${webPort}`,
        webPort,
        ssh: (host) => ({address: `${network}.${host}`, port: sshPort}),
        web: (host) => ({address: `${network}.${host}`, port: webPort}),
      };
    }),
  );
  const shared = {address: '127.0.0.1', port: 0};
  return [...own, {name: '127.0.0.1, any port', webPort: 8080, ssh: () => shared, web: () => shared}];
}

/**
 * Starts to listen; rejects with the kernel's own error (EADDRINUSE …). Resolves to the endpoint with its real port.
 * Errors after that are connections that could not be accepted (out of descriptors): the client sees them, the server goes on.
 */
export async function listen(server: Server, endpoint: Endpoint): Promise<Endpoint> {
  server.listen({host: endpoint.address, port: endpoint.port});
  await once(server, 'listening');
  server.on('error', ignoreLostConnection);
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error(`not a TCP listener: ${String(bound)}`);
  return {address: bound.address, port: bound.port};
}

/** As `listen`, on a Unix socket for this user alone. What is at `file` is taken for the remains of one who is dead. */
export async function listenOnSocket(server: Server, file: string): Promise<void> {
  await rm(file, {force: true});
  server.listen(file);
  await once(server, 'listening');
  server.on('error', ignoreLostConnection);
  await chmod(file, 0o600);
}

function ignoreLostConnection(): void {}

/** True where another plan may do better: the port is taken, or the address does not exist on this system. */
export function isEndpointUnavailable(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'EADDRINUSE' || code === 'EADDRNOTAVAIL';
}

/** Call it before the server listens. The result stops listening and cuts every connection; safe to call twice. */
export function prepareToClose(server: Server): () => Promise<void> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
}
