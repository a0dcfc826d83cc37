import {connect, createServer} from 'node:net';

/** A port before an sshd that counts what passes: all that TCP carries, SSH and its handshake included. */
export interface WireCounter {
  readonly port: number;
  /** Since the last call, or the start. */
  take(): {readonly sentBytes: number; readonly receivedBytes: number};
  close(): void;
}

export async function startWireCounter(sshdPort: number): Promise<WireCounter> {
  let [sentBytes, receivedBytes] = [0, 0];
  const server = createServer((socket) => {
    const far = connect(sshdPort, '127.0.0.1');
    socket.on('data', (piece: Buffer) => {
      sentBytes += piece.length;
    });
    far.on('data', (piece: Buffer) => {
      receivedBytes += piece.length;
    });
    socket.on('error', () => far.destroy()).pipe(far);
    far.on('error', () => socket.destroy()).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as {port: number}).port,
    take: () => {
      const taken = {sentBytes, receivedBytes};
      [sentBytes, receivedBytes] = [0, 0];
      return taken;
    },
    close: () => void server.close(),
  };
}
