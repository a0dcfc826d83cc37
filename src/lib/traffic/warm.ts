import type {Link} from '../host/link.js';
import type {WarmSettings} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import {BackPressure} from './back-pressure.js';
import {fetchWithCurl} from './curl-fetch.js';
import {fetchThroughDial} from './dial-fetch.js';
import {type Pause, pause} from './pause.js';
import {RateWindow} from './rate-window.js';
import type {WarmSample} from './warm-fetch.js';
import {describeFailure, summarizePass, type WarmPass} from './warm-pass.js';

export interface WarmTask {
  readonly host: Host;
  readonly link: Link;
  /** Paths with their queries. */
  readonly urls: readonly string[];
  readonly settings: WarmSettings;
  readonly signal: AbortSignal;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  readonly sleep?: Pause;
}

export interface WarmResult {
  readonly host: Host;
  /** `unmet`: `until` was set and is not true. `cut-short`: no `until`, and the deadline came, or every URL failed. */
  readonly outcome: 'warmed' | 'unmet' | 'cut-short';
  /** One line, for all but `warmed`. */
  readonly why?: string;
  /** Who asked: the host's curl, or drover through the link. */
  readonly via: 'curl' | 'dial';
  readonly urls: number;
  /** The first is the cold one. */
  readonly passes: readonly [WarmPass, ...WarmPass[]];
  readonly cold: WarmPass;
  /** The last of several. */
  readonly warm?: WarmPass;
  /** Of the last pass. */
  readonly hitRatio?: number;
  /** Of the last pass, the first 20; `warm.failed` or `cold.failed` counts all. */
  readonly failures: readonly {readonly path: string; readonly why: string}[];
  /** How often 429, 503 or rising latency slowed it down. */
  readonly backoffs: number;
  readonly ms: number;
}

type Verdict = {readonly kind: 'again'} | {readonly kind: 'end'; readonly met: boolean; readonly why?: string};

const batchSeconds = 2;
/** The first batch is short: how long answers take is only guessed. */
const firstBatchSeconds = 0.5;
const guessedMs = 50;
const shownFailures = 20;

/**
 * Asks the host itself for every URL, under its public name, until the cache is warm: a cold pass, then warm passes until `until` is
 * true or the deadline has come (without `until`: one). Not reaching it is a result; throws when the link is lost, and on abort.
 */
export async function warmHost(task: WarmTask): Promise<WarmResult> {
  const {host, settings, now} = task;
  const startedAt = now();
  const pressure = new BackPressure(settings.ratePerSecond);
  const window = new RateWindow();
  const passes: WarmPass[] = [];
  let via: 'curl' | 'dial' = 'curl';
  while (true) {
    const run = await runPass({...task, via, pressure, window, endsAt: startedAt + settings.deadlineMs});
    via = run.via;
    const pass = summarizePass(run.samples, run.wallMs, run.samples.length === task.urls.length);
    passes.push(pass);
    const failures = listFailures(run.samples);
    const verdict = judge(passes, task, failures[0]);
    if (verdict.kind === 'again') continue;
    const [cold = pass] = passes;
    return {
      host,
      outcome: verdict.met ? 'warmed' : settings.until === undefined ? 'cut-short' : 'unmet',
      ...(verdict.why === undefined ? {} : {why: verdict.why}),
      via,
      urls: task.urls.length,
      passes: [cold, ...passes.slice(1)],
      cold,
      ...(passes.length > 1 ? {warm: pass} : {}),
      ...(pass.hitRatio === undefined ? {} : {hitRatio: pass.hitRatio}),
      failures,
      backoffs: pressure.total,
      ms: now() - startedAt,
    };
  }
}

interface PassTask extends WarmTask {
  readonly via: 'curl' | 'dial';
  readonly pressure: BackPressure;
  readonly window: RateWindow;
  readonly endsAt: number;
}

async function runPass(task: PassTask): Promise<{samples: readonly WarmSample[]; via: 'curl' | 'dial'; wallMs: number}> {
  const {urls, pressure, window, endsAt, settings, link, signal, now, sleep = pause} = task;
  const {concurrency} = settings;
  const startedAt = now();
  const samples: WarmSample[] = [];
  let {via} = task;
  let next = 0;
  while (next < urls.length && now() < endsAt) {
    const {ratePerSecond, meanMs} = pressure;
    const expectedMs = meanMs ?? guessedMs;
    const seconds = meanMs === undefined ? firstBatchSeconds : batchSeconds;
    const perSecond = Math.min(ratePerSecond, (concurrency * 1000) / expectedMs);
    const paths = urls.slice(next, next + Math.max(concurrency, Math.ceil(perSecond * seconds)));
    const budgetMs = Math.max(1, Math.ceil(endsAt - now()));
    const batch = {link, settings, paths, ratePerSecond, concurrency, expectedMs, budgetMs, signal};
    const byCurl = via === 'curl' ? await fetchWithCurl(batch, {now, window}) : undefined;
    if (byCurl === undefined) via = 'dial';
    const found = byCurl ?? (await fetchThroughDial(batch, {now, sleep}));
    samples.push(...found);
    next += paths.length;
    const pauseMs = Math.min(pressure.assess(found), Math.max(0, endsAt - now()));
    if (pauseMs > 0) await sleep(pauseMs, signal);
  }
  return {samples, via, wallMs: now() - startedAt};
}

function judge(passes: readonly WarmPass[], {settings, urls}: WarmTask, failure: WarmResult['failures'][number] | undefined): Verdict {
  const {until, deadlineMs} = settings;
  const last = passes.at(-1);
  if (last === undefined) return {kind: 'again'};
  if (urls.length === 0) return {kind: 'end', met: true};
  if (!last.complete) {
    const hits = last.hitRatio === undefined ? '' : `, ${formatShare(last.hitRatio)} hits`;
    const why = `the deadline of ${deadlineMs / 1000} s came in pass ${passes.length} after ${last.asked} of ${urls.length} URLs${hits}`;
    return {kind: 'end', met: false, why};
  }
  if (last.failed === last.asked) return {kind: 'end', met: false, why: `every URL failed; ${failure?.path ?? ''}: ${failure?.why ?? ''}`};
  const before = passes.at(-2);
  if (before === undefined) return {kind: 'again'};
  if (until === undefined) return {kind: 'end', met: true};
  if (until.kind === 'converged') return last.busyMs > until.ratio * before.busyMs ? {kind: 'end', met: true} : {kind: 'again'};
  if (last.hitRatio === undefined) {
    return {
      kind: 'end',
      met: false,
      why: 'no answer has a header that tells hit from miss (X-Cache, X-Varnish, Age); use until: converged',
    };
  }
  return last.hitRatio >= until.ratio ? {kind: 'end', met: true} : {kind: 'again'};
}

function listFailures(samples: readonly WarmSample[]): WarmResult['failures'] {
  const failures = samples.flatMap((sample) => {
    const why = describeFailure(sample);
    return why === undefined ? [] : [{path: sample.path, why}];
  });
  return failures.slice(0, shownFailures);
}

function formatShare(ratio: number): string {
  return `${(ratio * 100).toFixed(1)} %`;
}
