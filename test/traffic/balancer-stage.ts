import type {ServerResponse} from 'node:http';
import {get, type IncomingMessage} from 'node:http';
import {DroverError} from '../../src/lib/errors/drover-error.js';
import type {Link} from '../../src/lib/host/link.js';
import type {Drain} from '../../src/lib/inventory/app.js';
import type {Host} from '../../src/lib/inventory/host.js';
import type {Balancer} from '../../src/lib/traffic/balancer.js';
import {openBalancer} from '../../src/lib/traffic/open-balancer.js';
import {pause} from '../../src/lib/traffic/pause.js';
import {linkLocally, makeHost} from './local-machine.js';
import {serveWeb, type WebServer} from './web-server.js';

/** One running balancer in front of all web servers of a stage. */
export interface RunningBalancer {
  /** Where it takes requests. */
  readonly port: number;
  /** The link to its host, for drover. */
  readonly link: (host: Host) => Link;
  stop(): Promise<void>;
}

export interface BalancerKind {
  readonly name: string;
  readonly isHere: boolean;
  /** What drover.yml would say, but for the ending. */
  settings(webs: readonly {readonly host: Host; readonly port: number}[]): Drain;
  start(options: {
    readonly directory: string;
    readonly name: string;
    readonly webs: readonly {readonly host: Host; readonly port: number}[];
  }): Promise<RunningBalancer>;
}

export interface HeldRequest {
  /** Who got it. */
  readonly web: string;
  readonly ended: Promise<number | 'cut'>;
  answer(): void;
}

/** Web servers and two balancers in front of them, all real and on loopback. */
export class BalancerStage {
  readonly webs: readonly {readonly host: Host; readonly port: number}[];
  readonly lbs = [makeHost('lb1'), makeHost('lb2')] as const;
  readonly warnings: string[] = [];
  readonly #servers: readonly WebServer[];
  readonly #held: {readonly web: string; readonly response: ServerResponse}[];
  readonly #kind: BalancerKind;
  readonly #running: RunningBalancer[] = [];

  private constructor(
    kind: BalancerKind,
    servers: readonly WebServer[],
    held: {readonly web: string; readonly response: ServerResponse}[],
  ) {
    this.#kind = kind;
    this.#servers = servers;
    this.#held = held;
    this.webs = servers.map(({port}, index) => ({host: makeHost(`web${index + 1}`), port}));
  }

  static async open(kind: BalancerKind, directory: string): Promise<BalancerStage> {
    const held: {readonly web: string; readonly response: ServerResponse}[] = [];
    const servers = await Promise.all(
      [1, 2, 3].map((index) =>
        serveWeb((request, response) => {
          response.setHeader('connection', 'close');
          if (request.url === '/held') held.push({web: `web${index}`, response});
          else response.end(`web${index}`);
        }),
      ),
    );
    const stage = new BalancerStage(kind, servers, held);
    for (const {name} of stage.lbs) stage.#running.push(await kind.start({directory, name, webs: stage.webs}));
    return stage;
  }

  /** `pass` may refuse a request to a balancer host by throwing; it is asked before each. */
  balance(settings: Partial<Pick<Drain, 'waitMs' | 'then' | 'longestMs'>> = {}, pass: (host: Host) => void = () => undefined): Balancer {
    const drain = {...this.#kind.settings(this.webs), ...settings} as Drain;
    return openBalancer(drain, {
      balancerHosts: this.lbs,
      root: '/nowhere',
      open: async (host) => {
        const link = this.#running[this.lbs.findIndex(({name}) => name === host.name)]?.link(host) ?? linkLocally(host);
        return {
          ...link,
          exec: (request) => {
            pass(host);
            return link.exec(request);
          },
          dial: async (target, signal) => {
            pass(host);
            return link.dial(target, signal);
          },
        };
      },
      sleep: (ms, signal) => pause(ms / 5, signal),
      now: () => performance.now(),
      warn: async ({message}) => void this.warnings.push(message),
    });
  }

  /** Who answers new requests at one balancer. */
  async poll(balancer: number, requests = 12): Promise<ReadonlySet<string>> {
    const answers = new Set<string>();
    for (let request = 0; request < requests; request += 1) answers.add((await this.#ask(balancer, `/${request}`)).body);
    return answers;
  }

  /** A request that is certainly with a web server when this returns, and stays there until it is answered. */
  async hold(balancer: number): Promise<HeldRequest> {
    const before = this.#held.length;
    const ended = this.#ask(balancer, '/held').then(
      ({status}) => status,
      () => 'cut' as const,
    );
    while (this.#held.length === before) await new Promise((resolve) => setImmediate(resolve));
    const found = this.#held.at(-1);
    if (found === undefined) throw new Error('nobody got the request');
    return {web: found.web, ended, answer: () => void found.response.end('done')};
  }

  async kill(balancer: number): Promise<void> {
    await this.#running[balancer]?.stop();
  }

  async close(): Promise<void> {
    for (const {response} of this.#held) response.destroy();
    await Promise.all(this.#running.map((running) => running.stop()));
    await Promise.all(this.#servers.map((server) => server.stop()));
  }

  #ask(balancer: number, path: string): Promise<{readonly status: number; readonly body: string}> {
    return new Promise((resolve, reject) => {
      const asking = get({host: '127.0.0.1', port: this.#running[balancer]?.port, path, agent: false}, (response: IncomingMessage) => {
        let body = '';
        response.on('data', (piece: Buffer) => {
          body += piece.toString();
        });
        response.on('error', reject);
        response.on('end', () => resolve({status: response.statusCode ?? 0, body}));
      });
      asking.on('error', reject);
    });
  }
}

export function lose(host: Host): never {
  throw new DroverError({code: 'unreachable', host: host.name, message: `${host.name}: connection lost`});
}
