import {createServer, type Server} from 'node:http';
import type {AddressInfo} from 'node:net';

/** A channel of the double. */
export interface DoubleChannel {
  paused: boolean;
  inFlight: number;
}

/**
 * No nsqd, but what answers as nsqd 1.3 and nsqlookupd do where drover asks them: `/stats`, `/channel/pause`, `/channel/unpause`, `/lookup`, with
 * their statuses and the words of their errors. There is no nsqd in Debian to try it on.
 */
export class NsqDouble {
  /** `topic/channel` -> the channel. */
  readonly channels = new Map<string, DoubleChannel>();
  /** As nsqlookupd: topic -> who has it. */
  readonly producers = new Map<string, {broadcast_address: unknown; http_port: unknown}[]>();
  /** Orders that were carried out, oldest first. */
  readonly orders: string[] = [];
  /** Called before each request; gives a status to answer instead, with an error of nsqd. */
  onRequest: (path: string) => number | undefined = () => undefined;
  port = 0;
  private readonly server: Server;

  private constructor() {
    this.server = createServer((request, response) => {
      const url = new URL(request.url ?? '/', 'http://nsqd');
      const end = (status: number, body: unknown): void => {
        response.writeHead(status, {'X-NSQ-Content-Type': 'nsq; version=1.0'}).end(body === '' ? '' : JSON.stringify(body));
      };
      const fail = (status: number, message: string): void => end(status, {message});
      const status = this.onRequest(url.pathname);
      if (status !== undefined) return fail(status, 'INTERNAL_ERROR');
      const topic = url.searchParams.get('topic') ?? '';
      const name = `${topic}/${url.searchParams.get('channel') ?? ''}`;
      switch (url.pathname) {
        case '/stats':
          return end(200, {version: '1.3.0', health: 'OK', start_time: 0, topics: this.describe(topic, name), producers: []});
        case '/lookup': {
          const producers = this.producers.get(topic);
          return producers === undefined ? fail(404, 'TOPIC_NOT_FOUND') : end(200, {channels: [], producers});
        }
        case '/channel/pause':
        case '/channel/unpause': {
          if (request.method !== 'POST') return fail(405, 'METHOD_NOT_ALLOWED');
          const channel = this.channels.get(name);
          if (channel === undefined) return fail(404, this.describe(topic, '').length === 0 ? 'TOPIC_NOT_FOUND' : 'CHANNEL_NOT_FOUND');
          channel.paused = url.pathname === '/channel/pause';
          this.orders.push(url.pathname.slice('/channel/'.length));
          return end(200, '');
        }
        default:
          return fail(404, 'NOT_FOUND');
      }
    });
  }

  static async start(): Promise<NsqDouble> {
    const double = new NsqDouble();
    await new Promise<void>((resolve) => double.server.listen(0, '127.0.0.1', resolve));
    double.port = (double.server.address() as AddressInfo).port;
    return double;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private describe(topic: string, wanted: string): unknown[] {
    const channels = [...this.channels].filter(([name]) => name.startsWith(`${topic}/`) && (wanted === '' || name === wanted));
    if (channels.length === 0) return [];
    const described = channels.map(([name, {paused, inFlight}]) => ({
      ...{channel_name: name.slice(topic.length + 1), depth: 7, backend_depth: 0, in_flight_count: inFlight, deferred_count: 0},
      ...{message_count: 9, requeue_count: 0, timeout_count: 0, client_count: 1, clients: [], paused},
    }));
    return [{topic_name: topic, channels: described, depth: 0, backend_depth: 0, message_count: 9, message_bytes: 1, paused: false}];
  }
}
