import {DroverError} from '../errors/drover-error.js';
import {printable} from '../errors/printable.js';
import {curlProgram, noCurlStatus} from './curl-program.js';
import {readCurlReply} from './curl-reply.js';
import {type Burst, findPeriod, type RateWindow} from './rate-window.js';
import {runRemoteProgram} from './remote-program.js';
import {requestTimeoutMs, type WarmBatch, type WarmSample, warmHeaders} from './warm-fetch.js';
import {planSlices, type WarmLane, type WarmSlice} from './warm-slices.js';

/**
 * Asks with the host's own curl, straight to the host's own port. Gives a sample for each path, in their order, but for those that the
 * deadline cut off; undefined when the host has no curl. No more requests begin in a second than the rate (rounded up) and what
 * `window` knows of the last batches allow, but they come as bursts on connections that are used again, not evenly. A burst counts
 * until a second after its end: where it lasts long because answers are slow, the rate falls short by as much.
 * Throws when the reply is lost.
 */
export async function fetchWithCurl(
  batch: WarmBatch,
  {now, window}: {readonly now: () => number; readonly window: RateWindow},
): Promise<readonly WarmSample[] | undefined> {
  const {link, settings, paths, ratePerSecond, budgetMs, signal} = batch;
  const period = findPeriod(ratePerSecond);
  const lanes = planSlices(batch);
  const waitsMs = findWaits(lanes, {ratePerSecond, window, nowMs: now()});
  const reply = await runRemoteProgram({
    link,
    label: `warm ${paths.length} URLs with curl`,
    program: curlProgram,
    values: {
      port: String(settings.port),
      period: formatSeconds(period.ms),
      seconds: formatSeconds(budgetMs),
    },
    payload: `${[...writeConfig(settings, budgetMs), '', ...writeLanes(lanes, waitsMs)].join('\n')}\n`,
    timeoutMs: budgetMs + requestTimeoutMs,
    maxOutputBytes: 8192 + paths.length * 4096,
    signal,
  });
  if (reply.status === noCurlStatus) return undefined;
  const answers = readCurlReply(reply.body, paths);
  const nowMs = now();
  window.add(
    lanes.flatMap((lane) => listBursts(lane, {answers, nowMs})),
    ratePerSecond,
    nowMs,
  );
  return [...answers.values()];
}

/** Waits of the first slices of each lane: the first of all lanes, then the second of all… */
function findWaits(
  lanes: readonly WarmLane[],
  {ratePerSecond, window, nowMs}: {ratePerSecond: number; window: RateWindow; nowMs: number},
): ReadonlyMap<WarmSlice, number> {
  const rounds = Math.max(...lanes.map(({open}) => open));
  const first = Array.from({length: rounds}, (_, round) =>
    lanes.flatMap(({open, slices}) => (round < open ? slices.slice(round, round + 1) : [])),
  );
  const slices = first.flat();
  const waitsMs = window.findWaitsMs(
    slices.map(({paths}) => paths.length),
    ratePerSecond,
    nowMs,
  );
  return new Map(slices.map((slice, place) => [slice, waitsMs[place] ?? 0]));
}

/** When each slice of a lane had ended at the latest: the later ones of the lane took at least as long as their answers. */
function listBursts({slices}: WarmLane, {answers, nowMs}: {answers: ReadonlyMap<number, WarmSample>; nowMs: number}): readonly Burst[] {
  let atMs = nowMs;
  return slices.toReversed().map(({first, paths}) => {
    const burst = {urls: paths.length, atMs};
    for (const place of paths.keys()) atMs -= answers.get(first + place)?.ms ?? 0;
    return burst;
  });
}

function writeLanes(lanes: readonly WarmLane[], waitsMs: ReadonlyMap<WarmSlice, number>): readonly string[] {
  return lanes.flatMap(({open, slices}) => {
    const waits = slices.slice(0, open).map((slice) => formatSeconds(waitsMs.get(slice) ?? 0));
    return [waits.join(' '), ...slices.map(writeSlice), ''];
  });
}

function writeSlice({first, paths}: WarmSlice): string {
  return [first, ...paths.map(escapeConfig)].join('\t');
}

/** Without a fraction where there is none, for a `sleep` that knows none. */
function formatSeconds(ms: number): string {
  return String(Math.ceil(ms) / 1000);
}

function writeConfig(settings: WarmBatch['settings'], budgetMs: number): string[] {
  const maxSeconds = Math.max(1, Math.ceil(Math.min(requestTimeoutMs, budgetMs) / 1000));
  const options = [
    'silent',
    'show-error',
    'globoff',
    'path-as-is',
    'noproxy = "*"',
    'output = "/dev/null"',
    'dump-header = "-"',
    'stderr = "-"',
    `max-time = ${maxSeconds}`,
  ];
  for (const [name, value] of Object.entries(warmHeaders(settings))) {
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name) || /[\r\n\0]/.test(value)) {
      throw new DroverError({
        code: 'invalid-file',
        message: `"${printable(`${name}: ${value}`)}" is not a header`,
        fix: 'correct warm.headers',
      });
    }
    options.push(`header = ${quote(value === '' ? `${name};` : `${name}: ${value}`)}`);
  }
  return options;
}

/** A value in curl's config file syntax: the backslash escapes of curl(1), and no other character is special in quotes. */
function quote(text: string): string {
  return `"${escapeConfig(text)}"`;
}

function escapeConfig(text: string): string {
  return text.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\t', '\\t');
}
