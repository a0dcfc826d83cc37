import http from 'node:http';
import {performance} from 'node:perf_hooks';
import {setTimeout as sleep} from 'node:timers/promises';

interface TrafficOptions {
  /** The site, without a path. */
  readonly url: string;
  /** Asked for in turn; each starts with a slash. */
  readonly paths: readonly string[];
  readonly ratePerSecond: number;
  /** Milliseconds of a clock that never goes back. */
  readonly nowMs?: () => number;
  /** Ends the traffic, as `stop` does. */
  readonly signal: AbortSignal;
}

/** What the visitors saw. A request failed when it got no answer in time, or one that is not 2xx or 3xx. */
export interface TrafficReport {
  readonly requests: number;
  readonly failed: number;
  /** Answers per `x-release`; `none` where there was no such header. */
  readonly byRelease: Readonly<Record<string, number>>;
  readonly slowestMs: number;
  /** The first failures in words, at most 5. */
  readonly failures: readonly string[];
}

export interface Traffic {
  /** So far. */
  now(): TrafficReport;
  /** Sends no more, waits for the requests in hand. Safe to call twice. */
  stop(): Promise<TrafficReport>;
}

const requestTimeoutMs = 5000;
const maxFailures = 5;
/** Shorter than the servers of the lab keep an idle connection. */
const idleMs = 10_000;

/**
 * Visitors: requests at a constant rate, whatever the answers take. Every other one comes on a new connection, the rest
 * reuse kept ones.
 */
export function startTraffic({url, paths, ratePerSecond, nowMs = () => performance.now(), signal}: TrafficOptions): Traffic {
  const agents = [new http.Agent({keepAlive: true, timeout: idleMs}), new http.Agent({keepAlive: false})] as const;
  const byRelease: Record<string, number> = {};
  const failures: string[] = [];
  const inHand = new Set<Promise<void>>();
  let sent = 0;
  let ended = 0;
  let failed = 0;
  let slowestMs = 0;

  const visit = async (path: string, agent: http.Agent) => {
    const startedMs = nowMs();
    try {
      const {status, release} = await get(new URL(path, url), agent);
      byRelease[release] = (byRelease[release] ?? 0) + 1;
      if (status < 200 || status >= 400) throw new Error(`status ${status}`);
    } catch (error) {
      failed += 1;
      if (failures.length < maxFailures) failures.push(`GET ${path}: ${(error as Error).message}`);
    }
    ended += 1;
    slowestMs = Math.max(slowestMs, nowMs() - startedMs);
  };

  const stopping = new AbortController();
  const run = async () => {
    const startedMs = nowMs();
    while (!stopping.signal.aborted && !signal.aborted) {
      const due = Math.floor(((nowMs() - startedMs) * ratePerSecond) / 1000);
      for (; sent < due; sent += 1) {
        const visiting = visit(paths[sent % paths.length] ?? '/', agents[sent % 2 === 0 ? 0 : 1]);
        inHand.add(visiting);
        void visiting.then(() => inHand.delete(visiting));
      }
      await sleep(Math.max(1000 / ratePerSecond, 1));
    }
    await Promise.all(inHand);
    for (const agent of agents) agent.destroy();
  };
  const running = run();

  const now = () => ({requests: ended, failed, byRelease: {...byRelease}, slowestMs: Math.round(slowestMs), failures: [...failures]});
  return {
    now,
    async stop() {
      stopping.abort();
      await running;
      return now();
    },
  };
}

function get(url: URL, agent: http.Agent): Promise<{status: number; release: string}> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, {agent, timeout: requestTimeoutMs}, (response) => {
      const release = String(response.headers['x-release'] ?? 'none');
      response.on('error', reject);
      response.on('end', () => resolve({status: response.statusCode ?? 0, release}));
      response.resume();
    });
    request.on('timeout', () => request.destroy(new Error(`no answer in ${requestTimeoutMs} ms`)));
    request.on('error', reject);
  });
}
