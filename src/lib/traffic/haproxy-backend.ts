import {DroverError} from '../errors/drover-error.js';
import type {Link} from '../host/link.js';
import type {Host} from '../inventory/host.js';
import {type HaproxySession, parseOldWorkers, parseSessions, parseWorker} from './haproxy-processes.js';
import {askHaproxy, commandHaproxy, excerptAnswer} from './haproxy-socket.js';
import {type HaproxyCounters, type HaproxyServer, parseServerCounters, parseServersState} from './haproxy-state.js';
import type {Pause} from './pause.js';

const commandTimeoutMs = 5_000;
/** Less than one command may take: a master that hangs is not asked again. */
const masterPatienceMs = 3_000;
const masterPauseMs = 250;

/** What `set server … state` takes. */
export type AdminOrder = 'ready' | 'drain' | 'maint';

export type SeenServer = HaproxyServer &
  HaproxyCounters & {
    /** The process that said so; another one after a reload. */
    readonly worker: string;
    /** Sessions that workers before a reload still carry; 0 where the master cannot be asked. */
    readonly lingering: number;
  };

/** A session, and the old worker that carries it; undefined for the worker that answers on the socket. */
export type PlacedSession = HaproxySession & {readonly worker: string | undefined};

export interface HaproxyPlace {
  readonly socket: string;
  /** The master's socket; without it, old workers are out of sight. */
  readonly master?: string | undefined;
  readonly backend: string;
  readonly open: (host: Host, signal: AbortSignal) => Promise<Link>;
  readonly sleep: Pause;
}

/** One backend of one HAProxy, reached through its admin socket. Everything throws `DroverError`. */
export class HaproxyBackend {
  readonly name: string;
  readonly hasMaster: boolean;
  readonly #place: HaproxyPlace;

  constructor(
    readonly host: Host,
    place: HaproxyPlace,
  ) {
    this.name = place.backend;
    this.hasMaster = place.master !== undefined;
    this.#place = place;
  }

  /** Throws unless the socket may change servers; changes nothing. */
  async provePermission(signal: AbortSignal): Promise<void> {
    const level = excerptAnswer(await this.ask('show cli level', signal));
    if (level !== 'admin') {
      throw new DroverError({
        code: 'refused',
        host: this.host.name,
        message: `HAProxy on ${this.host.name} (${this.#place.socket}) gives level "${level}", not "admin"`,
        fix: 'give the stats socket "level admin" in haproxy.cfg (HAProxy 1.8 or later)',
      });
    }
    await this.#listOldWorkers(signal);
  }

  /** Servers of every backend of this balancer. */
  async readAllServers(signal: AbortSignal): Promise<readonly HaproxyServer[]> {
    const answer = await this.ask('show servers state', signal);
    const servers = parseServersState(answer);
    if (servers === undefined) throw this.#misunderstood('show servers state', answer);
    return servers;
  }

  /** The servers of the backend with their counters, in one reading of one worker. */
  async read(signal: AbortSignal): Promise<readonly SeenServer[]> {
    const command = `show info;show servers state ${this.name};show stat ${this.name} 4 -1`;
    const answer = await this.ask(command, signal);
    const [info = '', states = '', stats = ''] = answer.split('\n\n').map((part) => `${part}\n`);
    const worker = parseWorker(info);
    const servers = parseServersState(states);
    const counters = parseServerCounters(stats);
    if (worker === undefined || servers === undefined || counters === undefined) throw this.#misunderstood(command, states);
    const lingering = await this.#countLingering(signal);
    return servers.flatMap((server) => {
      const counted = counters.get(server.name);
      return counted === undefined ? [] : [{...server, ...counted, worker, lingering: lingering.get(server.name) ?? 0}];
    });
  }

  /** Workers before a reload take no such order ("Proxy is disabled"), and nothing new either. */
  async setState(server: string, order: AdminOrder, signal: AbortSignal): Promise<void> {
    await this.#order(`set server ${this.name}/${server} state ${order}`, signal);
  }

  /** `percent` of the configured weight. */
  async setWeight(server: string, percent: number, signal: AbortSignal): Promise<void> {
    await this.#order(`set server ${this.name}/${server} weight ${percent}%`, signal);
  }

  /** All of them, also those of workers before a reload, which take orders for single sessions only. */
  async cutSessions(server: string, signal: AbortSignal): Promise<void> {
    await this.#order(`shutdown sessions server ${this.name}/${server}`, signal);
    const elsewhere = (await this.listSessions(server, signal)).filter(({worker}) => worker !== undefined);
    for (const session of elsewhere) await this.cutSession(session, signal);
  }

  /** The sessions of a server at every worker in sight, the oldest first at each. */
  async listSessions(server: string, signal: AbortSignal): Promise<readonly PlacedSession[]> {
    const placed: PlacedSession[] = [];
    for (const worker of [undefined, ...(await this.#listOldWorkers(signal))]) {
      const sessions = parseSessions(await this.#askWorker(worker, 'show sess', signal), this.name, server);
      placed.push(...sessions.map((session) => ({...session, worker})));
    }
    return placed;
  }

  /** One that has ended meanwhile is no failure. */
  async cutSession({id, worker}: PlacedSession, signal: AbortSignal): Promise<void> {
    await this.#askWorker(worker, `shutdown session ${id}`, signal);
  }

  async ask(command: string, signal: AbortSignal): Promise<string> {
    const {open, socket} = this.#place;
    const link = await open(this.host, signal);
    return askHaproxy({link, socket, command, timeoutMs: commandTimeoutMs, signal});
  }

  async #order(command: string, signal: AbortSignal): Promise<void> {
    const {open, socket} = this.#place;
    const link = await open(this.host, signal);
    await commandHaproxy({link, socket, command, timeoutMs: commandTimeoutMs, signal});
  }

  /** Asks an old worker through the master; empty when it has ended. Without a worker, the one on the socket. */
  async #askWorker(worker: string | undefined, command: string, signal: AbortSignal): Promise<string> {
    const {master} = this.#place;
    if (worker === undefined || master === undefined) return this.ask(command, signal);
    return this.#persist(async () => {
      try {
        return await this.#askMaster(master, `@!${worker} ${command}`, signal);
      } catch (error) {
        if (!(error instanceof DroverError) || (await this.#listOldWorkers(signal)).includes(worker)) throw error;
        return '';
      }
    }, signal);
  }

  async #askMaster(master: string, command: string, signal: AbortSignal): Promise<string> {
    const link = await this.#place.open(this.host, signal);
    return askHaproxy({link, socket: master, command, timeoutMs: commandTimeoutMs, signal});
  }

  /** In the middle of a reload the master executes itself anew: for a moment nobody listens, and an answer may break off. */
  async #persist<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const patience = AbortSignal.timeout(masterPatienceMs);
    while (true) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof DroverError) || patience.aborted) throw error;
        await this.#place.sleep(masterPauseMs, signal);
      }
    }
  }

  async #listOldWorkers(signal: AbortSignal): Promise<readonly string[]> {
    const {master} = this.#place;
    if (master === undefined) return [];
    const answer = await this.#persist(() => this.#askMaster(master, 'show proc', signal), signal);
    const workers = parseOldWorkers(answer);
    if (workers !== undefined) return workers;
    throw new DroverError({
      code: 'refused',
      host: this.host.name,
      message: `HAProxy on ${this.host.name} (${master}) answered "show proc" with "${excerptAnswer(answer)}"`,
      fix: 'let drain.haproxy.master name the socket that haproxy -S opens, or leave it out',
    });
  }

  /** Sessions by server, over all workers before a reload. One that ends while it is asked has none. */
  async #countLingering(signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
    const sums = new Map<string, number>();
    for (const worker of await this.#listOldWorkers(signal)) {
      const counters = parseServerCounters(await this.#askWorker(worker, `show stat ${this.name} 4 -1`, signal));
      for (const [server, {sessions, queued}] of counters ?? []) sums.set(server, (sums.get(server) ?? 0) + sessions + queued);
    }
    return sums;
  }

  #misunderstood(command: string, answer: string): DroverError {
    return new DroverError({
      code: 'refused',
      host: this.host.name,
      message: `HAProxy on ${this.host.name} (${this.#place.socket}) answered "${command}" with "${excerptAnswer(answer)}"`,
      fix: "check drain.haproxy.backend, and that the socket is a worker's stats socket, not the master's",
    });
  }
}
