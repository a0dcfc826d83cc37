import {connect, createServer, type Server, type Socket} from 'node:net';

/** A port on many addresses before one sshd: whatever passes, either way, is late. */
export interface DelayProxy {
  readonly port: number;
  close(): void;
}

/** Half of the round trip each way; the TCP handshake itself is not late. */
export async function startDelayProxy(sshdPort: number, addresses: readonly string[], roundTripMs: number): Promise<DelayProxy> {
  const servers: Server[] = [];
  let port = 0;
  for (const address of addresses) {
    const server = createServer({allowHalfOpen: true, noDelay: true}, (socket) =>
      join(socket, connect({port: sshdPort, host: '127.0.0.1', allowHalfOpen: true, noDelay: true}), roundTripMs / 2),
    );
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, address, 1024, resolve);
    });
    port = (server.address() as {port: number}).port;
    servers.push(server);
  }
  return {
    port,
    close: () => {
      for (const server of servers) server.close();
    },
  };
}

function join(near: Socket, far: Socket, delayMs: number): void {
  for (const [from, to] of [
    [near, far],
    [far, near],
  ] as const) {
    // Timers of one length end in the order in which they began.
    from.on('data', (piece: Buffer) => void setTimeout(() => to.write(piece), delayMs));
    from.on('end', () => void setTimeout(() => to.end(), delayMs));
    from.on('error', () => to.destroy());
  }
}
