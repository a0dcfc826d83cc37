import {performance} from 'node:perf_hooks';
import {DroverError} from '../errors/drover-error.js';
import {fanOut} from '../fanout/fan-out.js';
import type {App, WarmSettings} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import {readUrlList} from '../traffic/url-list.js';
import {type WarmResult, warmHost} from '../traffic/warm.js';
import {runStep, useLink} from './on-host.js';
import {hostsOfApp} from './plan-rollout.js';
import {ReleaseFailure} from './release-failure.js';
import {endRun, type RunEnd} from './run-end.js';
import type {World} from './world.js';

/** Warms one host before it is admitted; gives a word on it. Throws `ReleaseFailure` when the cache is not warm by the deadline. */
export async function warmRelease(world: World, app: App, host: Host): Promise<string> {
  const {warm} = app;
  if (warm === undefined) return 'nothing to warm';
  const result = await useLink(world, host, async (link) => {
    const {paths, truncated} = await readUrlList({link, settings: warm, signal: world.signal});
    if (truncated) await world.emit({kind: 'warning', host: host.name, message: `only the first ${paths.length} URLs are warmed`});
    return warmHost({
      host,
      link,
      urls: shareOf(paths, warm, world, app, host),
      settings: warm,
      signal: world.signal,
      now: () => performance.now(),
    });
  });
  const last = result.warm ?? result.cold;
  await world.emit({
    kind: 'warmed',
    host: host.name,
    urls: result.urls,
    failed: last.failed,
    coldP50Ms: roundTenth(result.cold.p50Ms),
    warmP50Ms: roundTenth(last.p50Ms),
    ...(result.hitRatio === undefined ? {} : {hitRatio: result.hitRatio}),
  });
  if (result.outcome !== 'warmed') {
    throw new ReleaseFailure({
      code: 'unhealthy',
      message: `${host.name} is not warm: ${result.why ?? 'the deadline came first'}`,
      host: host.name,
    });
  }
  return describeWarmth(result);
}

/** With `spread` every host of the app warms its share, with `clone` each warms all. */
function shareOf(paths: readonly string[], warm: WarmSettings, world: World, app: App, host: Host): readonly string[] {
  if (warm.mode === 'clone') return paths;
  const members = hostsOfApp(world.inventory, app);
  const place = members.findIndex((each) => each.name === host.name);
  const share = paths.filter((_, index) => index % members.length === place);
  return share.length === 0 ? paths.slice(0, 1) : share;
}

function roundTenth(value: number): number {
  return Math.round(value * 10) / 10;
}

function describeWarmth(result: WarmResult): string {
  const hits = result.hitRatio === undefined ? '' : `, ${Math.round(result.hitRatio * 100)} % hits`;
  const warm = result.warm === undefined ? '' : ` -> ${Math.round(result.warm.p50Ms)} ms`;
  return `${result.urls} URLs, p50 ${Math.round(result.cold.p50Ms)} ms${warm}${hits}`;
}

/** Warms hosts on their own, outside a deploy. Ends `needs-attention` when some are not warm. */
export async function warmApp(world: World, options: {readonly app: App; readonly hosts: readonly Host[]}): Promise<RunEnd> {
  const {app, hosts} = options;
  const startedMs = world.now();
  if (app.warm === undefined) {
    throw new DroverError({
      code: 'invalid-file',
      message: `app "${app.name}" says nothing about warming`,
      fix: `add warm: {from: sitemap} to apps.${app.name}`,
      file: world.project.file,
    });
  }
  await world.emit({
    kind: 'run-started',
    command: 'warm',
    app: app.name,
    operator: world.operator,
    hosts: hosts.length,
    ...(world.reason === '' ? {} : {reason: world.reason}),
  });
  const outcomes = await fanOut(
    hosts,
    (host) => runStep(world, {host, step: 'warm', action: () => warmRelease(world, app, host), describe: (detail) => ({detail})}),
    {
      concurrency: world.concurrency,
      random: world.random,
      signal: world.signal,
      drain: world.interrupted,
      retry: {attempts: 1, firstDelayMs: 0, maxDelayMs: 0},
      onOutcome: async (outcome) => {
        const why = outcome.kind === 'failed' ? {code: outcome.problem.code, why: outcome.problem.message} : {};
        await world.emit({kind: 'host-ended', host: outcome.item.name, outcome: outcome.kind, ...why});
      },
    },
  );
  if (world.interrupted.aborted) return endRun(world, startedMs, 'interrupted');
  const failed = outcomes.flatMap((outcome) => (outcome.kind === 'failed' ? [outcome.problem] : []));
  const [first] = failed;
  if (first === undefined) return endRun(world, startedMs, 'converged');
  if (failed.length === hosts.length && first.code !== 'unhealthy') return endRun(world, startedMs, 'refused', {code: first.code});
  return endRun(world, startedMs, 'needs-attention');
}
