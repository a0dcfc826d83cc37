import {DroverError} from '../errors/drover-error.js';
import type {Link} from '../host/link.js';
import type {Host} from '../inventory/host.js';
import {askHaproxy, commandHaproxy, excerptAnswer} from './haproxy-socket.js';
import {type HaproxyCounters, type HaproxyServer, parseServerCounters, parseServersState} from './haproxy-state.js';

const commandTimeoutMs = 5_000;

/** What `set server … state` takes. */
export type AdminOrder = 'ready' | 'drain' | 'maint';

export type SeenServer = HaproxyServer & HaproxyCounters;

/** One backend of one HAProxy, reached through its admin socket. Everything throws `DroverError`. */
export class HaproxyBackend {
  readonly #socket: string;
  readonly #backend: string;
  readonly #open: (host: Host, signal: AbortSignal) => Promise<Link>;

  constructor(
    readonly host: Host,
    options: {readonly socket: string; readonly backend: string; readonly open: (host: Host, signal: AbortSignal) => Promise<Link>},
  ) {
    this.#socket = options.socket;
    this.#backend = options.backend;
    this.#open = options.open;
  }

  /** Throws unless the socket may change servers; changes nothing. */
  async provePermission(signal: AbortSignal): Promise<void> {
    const level = excerptAnswer(await this.#ask('show cli level', signal));
    if (level === 'admin') return;
    throw new DroverError({
      code: 'refused',
      host: this.host.name,
      message: `HAProxy on ${this.host.name} (${this.#socket}) gives level "${level}", not "admin"`,
      fix: 'give the stats socket "level admin" in haproxy.cfg (HAProxy 1.8 or later)',
    });
  }

  /** Servers of every backend of this balancer. */
  async readAllServers(signal: AbortSignal): Promise<readonly HaproxyServer[]> {
    return this.#readServers('show servers state', signal);
  }

  /** The servers of the backend with their counters, read one after the other. */
  async read(signal: AbortSignal): Promise<readonly SeenServer[]> {
    const servers = await this.#readServers(`show servers state ${this.#backend}`, signal);
    const command = `show stat ${this.#backend} 4 -1`;
    const answer = await this.#ask(command, signal);
    const counters = parseServerCounters(answer);
    if (counters === undefined) throw this.#misunderstood(command, answer);
    return servers.flatMap((server) => {
      const counted = counters.get(server.name);
      return counted === undefined ? [] : [{...server, ...counted}];
    });
  }

  async setState(server: string, order: AdminOrder, signal: AbortSignal): Promise<void> {
    await this.#command(`set server ${this.#backend}/${server} state ${order}`, signal);
  }

  async cutSessions(server: string, signal: AbortSignal): Promise<void> {
    await this.#command(`shutdown sessions server ${this.#backend}/${server}`, signal);
  }

  async #readServers(command: string, signal: AbortSignal): Promise<readonly HaproxyServer[]> {
    const answer = await this.#ask(command, signal);
    const servers = parseServersState(answer);
    if (servers === undefined) throw this.#misunderstood(command, answer);
    return servers;
  }

  async #ask(command: string, signal: AbortSignal): Promise<string> {
    const link = await this.#open(this.host, signal);
    return askHaproxy({link, socket: this.#socket, command, timeoutMs: commandTimeoutMs, signal});
  }

  async #command(command: string, signal: AbortSignal): Promise<void> {
    const link = await this.#open(this.host, signal);
    await commandHaproxy({link, socket: this.#socket, command, timeoutMs: commandTimeoutMs, signal});
  }

  #misunderstood(command: string, answer: string): DroverError {
    return new DroverError({
      code: 'refused',
      host: this.host.name,
      message: `HAProxy on ${this.host.name} (${this.#socket}) answered "${command}" with "${excerptAnswer(answer)}"`,
      fix: "check drain.haproxy.backend, and that the socket is a worker's stats socket, not the master's",
    });
  }
}
