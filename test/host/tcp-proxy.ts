import {connect, createServer, type Socket} from 'node:net';

/** A cable between a client and a server of this machine. */
export interface TcpProxy {
  readonly port: number;
  /** Resets every connection there is; new ones pass. */
  cut(): void;
  /** Resets every connection once this many further bytes have gone to the server, or at once with the piece that exceeds them. */
  cutAfter(bytes: number): void;
  /** Lets no byte through any more, in either direction, without a word. */
  freeze(): void;
  close(): Promise<void>;
}

export async function startProxy(target: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let left = Number.POSITIVE_INFINITY;
  const server = createServer((socket) => {
    const far = connect(target, '127.0.0.1');
    for (const [one, other] of [
      [socket, far],
      [far, socket],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
    socket.on('data', (piece: Buffer) => {
      left -= piece.length;
      if (left > 0) return;
      left = Number.POSITIVE_INFINITY;
      cut();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    port: (server.address() as {port: number}).port,
    cut,
    cutAfter(bytes) {
      left = bytes;
    },
    freeze() {
      for (const socket of sockets) {
        socket.unpipe();
        socket.pause();
      }
    },
    async close() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A server that greets as sshd does and then says nothing. */
export async function startMuteServer(): Promise<{readonly port: number; close(): Promise<void>}> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.write('SSH-2.0-OpenSSH_9.2\r\n');
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as {port: number}).port,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
