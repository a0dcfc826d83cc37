import {createInterface} from 'node:readline';
import {fileURLToPath} from 'node:url';
import type {Rig} from './rig.js';

/** One request, as the client saw it end. */
export interface TrafficSample {
  /** When it was sent, in ms since 1970. */
  readonly at: number;
  readonly ms: number;
  readonly path: string;
  readonly connection: 'kept' | 'fresh';
  /** A kept connection had been closed while idle, before a byte of the answer: asked again once on a fresh one, as browsers do. */
  readonly retried: boolean;
  readonly status?: number;
  readonly release?: string;
  readonly host?: string;
  readonly silo?: string;
  readonly balancer?: string;
  readonly cache?: 'hit' | 'miss';
  /** The word that `writeSite` put at the head of the body. */
  readonly mark?: string;
  /** Start of the body's SHA-256. */
  readonly body?: string;
  /** An error code, or `cut: …` where the answer broke off. */
  readonly error?: string;
}

export interface TrafficOptions {
  readonly rig: Pick<Rig, 'operator' | 'hosts'>;
  /** Requests per second, over all paths and balancers. */
  readonly rate: number;
  /** Taken in turn; `['/']` where left out. */
  readonly paths?: readonly string[];
  /** Kept connections at most, per balancer; 8 where left out. */
  readonly connections?: number;
  /** Share of requests that open a connection of their own, 0..1; 0.3 where left out. */
  readonly freshShare?: number;
  /** The client ends by itself after this long; 10 min where left out. */
  readonly forMs?: number;
  /** 10 s where left out. */
  readonly timeoutMs?: number;
}

export interface TrafficReport {
  readonly requests: number;
  /** Every request that did not end with a complete answer of status 2xx or 3xx. */
  readonly failed: readonly TrafficSample[];
  /** Requests that needed the one retry, whatever came of it. */
  readonly retried: number;
  /** Answers by release id; `none` where the answer had no x-release. */
  readonly byRelease: Readonly<Record<string, number>>;
  /** `release path` for which different bodies came: the mark of a half-switched host. */
  readonly mixed: readonly string[];
  readonly samples: readonly TrafficSample[];
}

export interface Traffic {
  /** What came so far. */
  report(): TrafficReport;
  /** Resolves with the first sample, past or coming, that passes; rejects after `deadlineMs`, or when the client ends before. */
  waitFor(passes: (sample: TrafficSample) => boolean, deadlineMs: number): Promise<TrafficSample>;
  /** Ends the client after its requests in flight. Rejects when the client itself failed. Safe to call twice. */
  stop(): Promise<TrafficReport>;
}

/** Starts constant load from the operator through every balancer; where the rig has none, straight to the web hosts. */
export function startTraffic(options: TrafficOptions): Traffic {
  const {rig} = options;
  const balancers = rig.hosts.filter((host) => host.role === 'balancer');
  const doors = balancers.length > 0 ? balancers : rig.hosts;
  const urls = (options.paths ?? ['/']).flatMap((path) => doors.map((door) => `http://${door.address}${path}`));
  const settings = {
    urls,
    rate: options.rate,
    freshShare: options.freshShare ?? 0.3,
    connections: options.connections ?? 8,
    forMs: options.forMs ?? 600_000,
    timeoutMs: options.timeoutMs ?? 10_000,
  };
  const client = fileURLToPath(new URL('traffic-client.mjs', import.meta.url));
  const child = rig.operator.spawn([process.execPath, client, JSON.stringify(settings)]);
  const {stdout, stderr} = child;
  if (!stdout || !stderr) throw new Error('the traffic client has no output to read');

  const samples: TrafficSample[] = [];
  const watchers = new Set<(sample: TrafficSample | undefined) => void>();
  let complaint = '';
  stderr.on('data', (piece: Buffer) => {
    complaint += piece.toString();
  });
  const lines = createInterface({input: stdout});
  lines.on('line', (line) => {
    const sample = JSON.parse(line) as TrafficSample;
    samples.push(sample);
    for (const watch of watchers) watch(sample);
  });
  const ended = new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    lines.once('close', () => {
      const settle = () =>
        resolve(child.exitCode === 0 ? undefined : `the traffic client ended with ${child.exitCode ?? child.signalCode}: ${complaint}`);
      if (child.exitCode === null && child.signalCode === null) child.once('exit', settle);
      else settle();
    });
  });
  void ended.then(() => {
    for (const watch of watchers) watch(undefined);
  });

  return {
    report: () => summarize(samples),
    waitFor: (passes, deadlineMs) => {
      const known = samples.find(passes);
      if (known) return Promise.resolve(known);
      return new Promise((resolve, reject) => {
        const finish = (act: () => void) => {
          clearTimeout(timer);
          watchers.delete(watch);
          act();
        };
        const fail = (what: string) => finish(() => reject(new Error(`no such answer ${what}; ${samples.length} others came`)));
        const watch = (sample: TrafficSample | undefined) => {
          if (sample === undefined) fail('until the client ended');
          else if (passes(sample)) finish(() => resolve(sample));
        };
        const timer = setTimeout(() => fail(`within ${deadlineMs} ms`), deadlineMs);
        watchers.add(watch);
      });
    },
    stop: async () => {
      child.stdin?.end();
      const failure = await ended;
      if (failure !== undefined) throw new Error(failure);
      return summarize(samples);
    },
  };
}

function summarize(samples: readonly TrafficSample[]): TrafficReport {
  const byRelease: Record<string, number> = {};
  const bodies = new Map<string, Set<string | undefined>>();
  for (const sample of samples) {
    const release = sample.release ?? 'none';
    byRelease[release] = (byRelease[release] ?? 0) + 1;
    if (sample.status !== 200 || sample.error !== undefined) continue;
    const key = `${release} ${sample.path}`;
    bodies.set(key, (bodies.get(key) ?? new Set()).add(sample.body));
  }
  return {
    requests: samples.length,
    failed: samples.filter((sample) => sample.error !== undefined || sample.status === undefined || sample.status >= 400),
    retried: samples.filter((sample) => sample.retried).length,
    byRelease,
    mixed: [...bodies].filter(([, seen]) => seen.size > 1).map(([key]) => key),
    samples: [...samples],
  };
}
