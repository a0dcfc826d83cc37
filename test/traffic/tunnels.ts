import {once} from 'node:events';
import {createServer} from 'node:http';
import {type AddressInfo, connect, type Socket} from 'node:net';

export interface TunnelServer {
  readonly port: number;
  /** Connections that are open now. */
  open(): number;
  stop(): Promise<void>;
}

/** A server that switches every connection to another protocol and keeps it, as one of WebSockets does. */
export async function serveTunnels(): Promise<TunnelServer> {
  const sockets = new Set<Socket>();
  const server = createServer();
  server.on('upgrade', (_, socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('end', () => socket.end());
    socket.resume();
    socket.once('close', () => sockets.delete(socket));
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: tunnel\r\n\r\n');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    open: () => sockets.size,
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** A client of such a server, through a balancer. */
export function openTunnel(port: number): {readonly opened: Promise<unknown>; readonly closed: Promise<unknown>} {
  const socket = connect({host: '127.0.0.1', port});
  socket.on('error', () => undefined);
  socket.write('GET /ws HTTP/1.1\r\nhost: site.example\r\nconnection: upgrade\r\nupgrade: tunnel\r\n\r\n');
  const when = (event: string): Promise<unknown> => new Promise((resolve) => socket.once(event, resolve));
  return {opened: Promise.race([when('data'), when('close')]), closed: when('close')};
}
