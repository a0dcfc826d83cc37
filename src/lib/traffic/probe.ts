import type {Duplex} from 'node:stream';
import {finished} from 'node:stream/promises';
import {DroverError} from '../errors/drover-error.js';
import type {Link} from '../host/link.js';
import type {Probe} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import {dialTimely, exchangeHttp, HttpFailure} from './http-exchange.js';
import {describeResult, runOperatorCommand} from './operator-command.js';
import {runRemoteProgram} from './remote-program.js';

export interface ProbeRound {
  readonly host: Host;
  readonly link: Link;
  /** The app's root on the host. */
  readonly root: string;
  readonly probes: readonly Probe[];
  /** Release that probes with `version` must report; undefined accepts any. */
  readonly expectRelease?: string;
  readonly signal: AbortSignal;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

export interface ProbeResult {
  readonly probe: Probe;
  readonly ok: boolean;
  /** One line: what was found, and what was wanted when it failed. */
  readonly detail: string;
  readonly ms: number;
  /** What the version header said. */
  readonly release?: string;
  /** What a `run` probe printed; the middle is cut out of more than 64 KiB. */
  readonly output?: string;
}

type Finding = Pick<ProbeResult, 'ok' | 'detail' | 'release' | 'output'>;

const maxBodyBytes = 1024 * 1024;
const refusalMs = 1_000;
/** Shorter release ids than this are too easily equal by chance. */
const minReleaseDigits = 8;

/** Asks each probe once, all at the same time, and gives the results in the order of `probes`. Throws only on abort. */
export async function probeHost(round: ProbeRound): Promise<readonly ProbeResult[]> {
  return Promise.all(
    round.probes.map(async (probe) => {
      const startedAt = round.now();
      const found = await askProbe(probe, round);
      return {probe, ...found, ms: round.now() - startedAt};
    }),
  );
}

async function askProbe(probe: Probe, round: ProbeRound): Promise<Finding> {
  try {
    switch (probe.kind) {
      case 'http':
        return await probeHttp(probe, round);
      case 'tcp':
        return await probeTcp(probe, round);
      case 'run':
        return await probeCommand(probe, round);
      case 'disk':
        return await probeDisk(probe, round);
    }
  } catch (error) {
    round.signal.throwIfAborted();
    if (error instanceof DroverError) return {ok: false, detail: `${describeProbe(probe)}: ${error.message}`};
    throw error;
  }
}

/** `GET /healthz on 8080`, `tcp 8080`, `run bin/check`, `disk`. */
export function describeProbe(probe: Probe): string {
  switch (probe.kind) {
    case 'http':
      return `GET ${probe.path} on ${probe.port}`;
    case 'tcp':
      return `tcp ${probe.port}`;
    case 'run':
      return `run ${probe.command.trim().split('\n')[0] ?? ''}`;
    case 'disk':
      return 'disk';
  }
}

async function probeHttp(probe: Extract<Probe, {kind: 'http'}>, {link, expectRelease, signal}: ProbeRound): Promise<Finding> {
  const what = describeProbe(probe);
  const headers: Record<string, string> = probe.hostHeader === undefined ? {} : {host: probe.hostHeader};
  const {port, path, timeoutMs} = probe;
  let answer: Awaited<ReturnType<typeof exchangeHttp>>;
  try {
    answer = await exchangeHttp({link, port, path, headers, timeoutMs, maxBodyBytes, signal});
  } catch (error) {
    if (error instanceof HttpFailure) return {ok: false, detail: `${what}: ${error.message}`};
    throw error;
  }
  const release = probe.version === undefined ? undefined : answer.headers[probe.version.toLowerCase()]?.trim();
  const seen = {...(release === undefined ? {} : {release})};
  const words = `${answer.status} ${answer.reason}`.trim();
  if (answer.status !== probe.status) return {ok: false, detail: `${what}: ${words}, wanted ${probe.status}`, ...seen};
  if (probe.version === undefined || expectRelease === undefined) return {ok: true, detail: `${what}: ${words}`, ...seen};
  const wanted = shorten(expectRelease);
  if (release === undefined) return {ok: false, detail: `${what}: answers without the header ${probe.version}, wanted ${wanted}`};
  if (isSameRelease(release, expectRelease)) return {ok: true, detail: `${what}: ${words}, serves ${shorten(release)}`, ...seen};
  return {ok: false, detail: `${what}: serves ${shorten(release)}, wanted ${wanted}`, ...seen};
}

function isSameRelease(seen: string, wanted: string): boolean {
  return seen === wanted || (seen.length >= minReleaseDigits && wanted.startsWith(seen));
}

function shorten(release: string): string {
  return release.length > 16 ? `${release.slice(0, 12)}…` : release;
}

async function probeTcp(probe: Extract<Probe, {kind: 'tcp'}>, {link, signal}: ProbeRound): Promise<Finding> {
  const deadline = AbortSignal.timeout(probe.timeoutMs);
  try {
    const stream = await dialTimely(link, probe.port, AbortSignal.any([signal, deadline]));
    const refused = link.kind === 'openssh' ? await watchForRefusal(stream, signal) : undefined;
    stream.on('error', () => undefined);
    stream.destroy();
    return refused === undefined ? {ok: true, detail: `tcp ${probe.port}: open`} : {ok: false, detail: `tcp ${probe.port}: ${refused}`};
  } catch (error) {
    if (deadline.aborted && !signal.aborted)
      return {ok: false, detail: `tcp ${probe.port}: no connection within ${probe.timeoutMs / 1000} s`};
    throw error;
  }
}

/** `ssh -W` hands the stream over first and fails it afterwards when the port is closed. Why it failed, within a second. */
async function watchForRefusal(stream: Duplex, signal: AbortSignal): Promise<string | undefined> {
  const limit = AbortSignal.timeout(refusalMs);
  try {
    await finished(stream.resume(), {signal: AbortSignal.any([signal, limit])});
    return 'closed at once';
  } catch (error) {
    signal.throwIfAborted();
    if (limit.aborted) return undefined;
    return error instanceof Error ? error.message : String(error);
  }
}

async function probeCommand(probe: Extract<Probe, {kind: 'run'}>, {host, link, root, signal}: ProbeRound): Promise<Finding> {
  const {command, timeoutMs} = probe;
  const result = await runOperatorCommand({link, command, hostName: host.name, directory: `${root}/current`, timeoutMs, signal});
  return {ok: result.status === 0, detail: `${describeProbe(probe)}: ${describeResult(result, timeoutMs)}`, output: result.output};
}

const diskProgram = `
main() {
  case $root in '~') root=$HOME ;; '~/'*) root=$HOME/\${root#??} ;; esac
  while [ ! -d "$root" ] && [ "$root" != / ] && [ "$root" != . ]; do root=$(dirname -- "$root"); done
  df -Pk -- "$root" 2>&1
}
`;

async function probeDisk(probe: Extract<Probe, {kind: 'disk'}>, {link, root, signal}: ProbeRound): Promise<Finding> {
  const {timeoutMs} = probe;
  const {body} = await runRemoteProgram({
    link,
    label: 'df',
    program: diskProgram,
    values: {root},
    timeoutMs,
    maxOutputBytes: 65_536,
    signal,
  });
  const available = /\s\d+\s+\d+\s+(\d+)\s+\d+%\s/.exec(body)?.[1];
  if (available === undefined) return {ok: false, detail: `disk: df said "${body.split('\n').at(-1) ?? ''}"`};
  const freeBytes = Number(available) * 1024;
  if (freeBytes >= probe.freeBytes) return {ok: true, detail: `disk: ${formatBytes(freeBytes)} free`};
  return {ok: false, detail: `disk: ${formatBytes(freeBytes)} free below ${root}, wanted ${formatBytes(probe.freeBytes)}`};
}

function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${Number((bytes / 1024 ** power).toFixed(1))} ${units[power]}`;
}
