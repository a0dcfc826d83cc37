import type {Endpoint} from './lab-network.js';

/** What one health check saw. Status names are HAProxy's. */
export interface CheckResult {
  readonly status: 'L7OK' | 'L7STS' | 'L7TOUT' | 'L4CON';
  /** HTTP status, where there was one. */
  readonly code?: number;
  readonly durationMs: number;
}

export type AdminState = 'ready' | 'drain' | 'maint';

/** One request on its way through the balancer. */
export interface ProxySession {
  cut(): void;
}

interface Counters {
  current: number;
  most: number;
  total: number;
  connectErrors: number;
  responseErrors: number;
  retries: number;
  redispatches: number;
  failedChecks: number;
  timesDown: number;
  readonly answers: [number, number, number, number, number];
}

export const checkRise = 1;
export const checkFall = 2;
/** As `weight 100` in haproxy.cfg, so that `weight N%` has the full resolution. */
export const initialWeight = 100;
const fullHealth = checkRise + checkFall - 1;

/**
 * A server of the balancer's backend: what an operator set, what the checks say, and what it carries. The rules are
 * HAProxy's: a server starts and leaves maintenance as up but fragile (one failed check takes it down), a draining
 * server is still checked, one in maintenance is not.
 */
export class PoolServer {
  readonly name: string;
  readonly endpoint: Endpoint;
  readonly counters: Counters = {
    current: 0,
    most: 0,
    total: 0,
    connectErrors: 0,
    responseErrors: 0,
    retries: 0,
    redispatches: 0,
    failedChecks: 0,
    timesDown: 0,
    answers: [0, 0, 0, 0, 0],
  };
  readonly #nowMs: () => number;
  readonly #sessions = new Set<ProxySession>();
  #admin: AdminState = 'ready';
  #health = checkRise;
  #weight = initialWeight;
  #changedMs: number;
  #lastCheck: CheckResult | undefined;
  /** Owned by the balancer's choice of the next server. */
  turn = 0;

  constructor({name, endpoint, nowMs}: {name: string; endpoint: Endpoint; nowMs: () => number}) {
    this.name = name;
    this.endpoint = endpoint;
    this.#nowMs = nowMs;
    this.#changedMs = nowMs();
  }

  get admin(): AdminState {
    return this.#admin;
  }

  get health(): number {
    return this.#health;
  }

  get weight(): number {
    return this.#weight;
  }

  get lastCheck(): CheckResult | undefined {
    return this.#admin === 'maint' ? undefined : this.#lastCheck;
  }

  get secondsSinceChange(): number {
    return Math.floor((this.#nowMs() - this.#changedMs) / 1000);
  }

  get isUp(): boolean {
    return this.#admin !== 'maint' && this.#health >= checkRise;
  }

  get takesRequests(): boolean {
    return this.isUp && this.#admin === 'ready' && this.#weight > 0;
  }

  setAdmin(admin: AdminState): void {
    if (admin === this.#admin) return;
    if (this.#admin === 'maint') this.#health = checkRise;
    this.#admin = admin;
    this.#changedMs = this.#nowMs();
  }

  setWeight(weight: number): void {
    this.#weight = weight;
  }

  /** Counts one check; ignored in maintenance, where a check may just have been on its way. */
  recordCheck(result: CheckResult): void {
    if (this.#admin === 'maint') return;
    const wasUp = this.isUp;
    this.#lastCheck = result;
    if (result.status === 'L7OK') {
      this.#health = this.#health + 1 >= checkRise ? fullHealth : this.#health + 1;
    } else {
      if (wasUp) this.counters.failedChecks += 1;
      this.#health = this.#health > checkRise ? this.#health - 1 : 0;
    }
    if (wasUp === this.isUp) return;
    this.#changedMs = this.#nowMs();
    if (wasUp) this.counters.timesDown += 1;
  }

  begin(session: ProxySession): void {
    this.#sessions.add(session);
    this.counters.total += 1;
    this.counters.current = this.#sessions.size;
    this.counters.most = Math.max(this.counters.most, this.counters.current);
  }

  end(session: ProxySession): void {
    this.#sessions.delete(session);
    this.counters.current = this.#sessions.size;
  }

  cutSessions(): void {
    for (const session of this.#sessions) session.cut();
  }
}
