import {connect, createServer, type Socket} from 'node:net';
import {Transform} from 'node:stream';

/** A cable between a client and a server of this machine. */
export interface TcpProxy {
  readonly port: number;
  /** Resets every connection there is; new ones pass. */
  cut(): void;
  /** Resets every connection once this many further bytes have gone to the server, or at once with the piece that exceeds them. */
  cutAfter(bytes: number): void;
  /** Lets no byte through any more, in either direction, without a word. */
  freeze(): void;
  /** Each later connection hears this many bytes of the server and then nothing more. */
  stallAfter(bytes: number): void;
  /** Lets nothing of any client through once this many further bytes have gone to the server; what the server says still arrives. */
  swallowAfter(bytes: number): void;
  /** Flips one bit of what goes to the server, once this many further bytes have gone. */
  flipAfter(bytes: number): void;
  /** Lets nothing of the server through any more on connections there are; what clients say still arrives. */
  deafen(): void;
  close(): Promise<void>;
}

export async function startProxy(target: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const deaf = new WeakSet<Socket>();
  let left = Number.POSITIVE_INFINITY;
  let untilSwallow = Number.POSITIVE_INFINITY;
  let untilFlip = Number.POSITIVE_INFINITY;
  let audible = Number.POSITIVE_INFINITY;
  const spoil = (piece: Buffer): Buffer => {
    untilSwallow -= piece.length;
    if (untilSwallow < 0) return Buffer.alloc(0);
    untilFlip -= piece.length;
    if (untilFlip > 0) return piece;
    untilFlip = Number.POSITIVE_INFINITY;
    const flipped = Buffer.from(piece);
    flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 4;
    return flipped;
  };
  const server = createServer((socket) => {
    const far = connect(target, '127.0.0.1');
    let heard = audible;
    const mute = (piece: Buffer): Buffer => {
      const passes = deaf.has(far) ? Buffer.alloc(0) : piece.subarray(0, heard);
      heard -= passes.length;
      return passes;
    };
    for (const [one, other, change] of [
      [socket, far, spoil],
      [far, socket, mute],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
      const passing = new Transform({transform: (piece: Buffer, _encoding, done) => done(undefined, change(piece))});
      one.pipe(passing).pipe(other);
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
    stallAfter(bytes) {
      audible = bytes;
    },
    swallowAfter(bytes) {
      untilSwallow = bytes;
    },
    flipAfter(bytes) {
      untilFlip = bytes;
    },
    deafen() {
      for (const socket of sockets) deaf.add(socket);
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
