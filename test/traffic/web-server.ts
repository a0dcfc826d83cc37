import {once} from 'node:events';
import {createServer, type RequestListener} from 'node:http';
import type {AddressInfo} from 'node:net';

export interface WebServer {
  readonly port: number;
  stop(): Promise<void>;
}

/** An HTTP server of this process on a loopback address. */
export async function serveWeb(answer: RequestListener, address = '127.0.0.1'): Promise<WebServer> {
  const server = createServer(answer).listen(0, address);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
