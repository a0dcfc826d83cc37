import {fanOut} from '../fanout/fan-out.js';
import type {Host} from '../inventory/host.js';
import {runStep} from './on-host.js';
import {endRun, type RunEnd} from './run-end.js';
import type {World} from './world.js';

export interface CopyOptions {
  readonly hosts: readonly Host[];
  /** How often a host is tried again when its connection was cut. */
  readonly retries: number;
  /** The command that does the rest, where hosts failed. */
  readonly next: string;
}

export interface CopyEnd {
  readonly unchanged?: boolean;
  readonly warnings?: readonly string[];
}

/**
 * One copy on every host, many at once, tried again where the way was cut. Ends `needs-attention` (8) when some failed, `refused` with the
 * reason when all did.
 */
export async function copyEverywhere(
  world: World,
  {hosts, retries, next}: CopyOptions,
  copy: (host: Host) => Promise<CopyEnd>,
): Promise<RunEnd> {
  const startedMs = world.now();
  const {operator, reason} = world;
  await world.emit({kind: 'run-started', command: 'copy', operator, hosts: hosts.length, ...(reason === '' ? {} : {reason})});
  const outcomes = await fanOut(
    hosts,
    (host) =>
      runStep(world, {
        host,
        step: 'copy',
        action: () => copy(host),
        describe: ({unchanged}) => ({unchanged: unchanged === true}),
        retry: {attempts: 1 + retries, firstDelayMs: 1000, maxDelayMs: 8000},
      }),
    {
      concurrency: world.concurrency,
      random: world.random,
      signal: world.signal,
      drain: world.interrupted,
      retry: {attempts: 1, firstDelayMs: 0, maxDelayMs: 0},
      onOutcome: async (outcome) => {
        const host = outcome.item.name;
        if (outcome.kind === 'done') {
          for (const message of outcome.value.warnings ?? []) await world.emit({kind: 'warning', host, message});
          await world.emit({kind: 'host-ended', host, outcome: outcome.value.unchanged === true ? 'unchanged' : 'done'});
        } else if (outcome.kind === 'failed') {
          const {code, message, fix} = outcome.problem;
          await world.emit({kind: 'host-ended', host, outcome: 'failed', code, why: fix === undefined ? message : `${message}; ${fix}`});
        } else await world.emit({kind: 'host-ended', host, outcome: outcome.kind});
      },
    },
  );
  if (world.interrupted.aborted || world.signal.aborted) return endRun(world, startedMs, 'interrupted', {code: 'interrupted', next});
  const failed = outcomes.filter((outcome) => outcome.kind === 'failed');
  const [first] = failed;
  if (first === undefined) return endRun(world, startedMs, 'converged');
  if (failed.length === hosts.length) return endRun(world, startedMs, 'refused', {code: first.problem.code});
  return endRun(world, startedMs, 'needs-attention', {next});
}
