import {fanOut} from '../fanout/fan-out.js';
import {runHookOn} from '../host/host-hook.js';
import type {Host} from '../inventory/host.js';
import {useLink} from './on-host.js';
import {endRun, type RunEnd} from './run-end.js';
import type {World} from './world.js';

/** What a command came to on one host. */
export interface CommandResult {
  readonly host: string;
  readonly output: string;
  /** Undefined when the host was not reached or the command did not end. */
  readonly status?: number;
  /** How it ended when not well, in a few words. */
  readonly failure?: string;
}

/**
 * One shell command on many hosts. It is never run twice: a connection that was lost after the command began is `lost`, not tried again.
 * Ends `refused` with status 8 when any host failed, 6 when none was reached.
 */
export async function runCommand(
  world: World,
  options: {
    readonly command: string;
    readonly hosts: readonly Host[];
    readonly timeoutSeconds: number;
    readonly maxBytes: number;
    readonly onResult: (result: CommandResult) => void;
  },
): Promise<{results: readonly CommandResult[]; end: RunEnd}> {
  const {command, hosts, timeoutSeconds, maxBytes, onResult} = options;
  const startedMs = world.now();
  await world.emit({
    kind: 'run-started',
    command: 'run',
    operator: world.operator,
    hosts: hosts.length,
    ...(world.reason === '' ? {} : {reason: world.reason}),
  });
  const results: CommandResult[] = [];
  const outcomes = await fanOut(
    hosts,
    async (host): Promise<CommandResult> => {
      const begun = world.now();
      await world.emit({kind: 'step-started', host: host.name, step: 'command'});
      const result = await useLink(world, host, (link) =>
        runHookOn(link, {command, seconds: timeoutSeconds, cwd: undefined, maxBytes, signal: world.signal}),
      );
      const late = result.lateAfterSeconds;
      const failure = late !== undefined ? `not done after ${late} s` : result.status === 0 ? undefined : `exit ${result.status}`;
      await world.emit({
        kind: 'step-ended',
        host: host.name,
        step: 'command',
        outcome: failure === undefined ? 'done' : 'failed',
        ms: world.now() - begun,
        ...(failure === undefined ? {} : {detail: failure}),
      });
      return {host: host.name, output: result.output, status: result.status, ...(failure === undefined ? {} : {failure})};
    },
    {
      concurrency: world.concurrency,
      random: world.random,
      signal: world.signal,
      drain: world.interrupted,
      retry: {attempts: 1, firstDelayMs: 0, maxDelayMs: 0},
      onOutcome: async (outcome) => {
        const result =
          outcome.kind === 'done'
            ? outcome.value
            : {host: outcome.item.name, output: '', failure: outcome.kind === 'failed' ? outcome.problem.message : outcome.kind};
        results.push(result);
        onResult(result);
        const ended = outcome.kind === 'done' ? (result.failure === undefined ? 'done' : 'failed') : outcome.kind;
        await world.emit({
          kind: 'host-ended',
          host: result.host,
          outcome: ended,
          ...(result.failure === undefined ? {} : {why: result.failure}),
        });
      },
    },
  );
  const order = new Map(hosts.map((host, index) => [host.name as string, index]));
  results.sort((a, b) => (order.get(a.host) ?? 0) - (order.get(b.host) ?? 0));
  if (world.interrupted.aborted) return {results, end: await endRun(world, startedMs, 'interrupted')};
  const unreached = outcomes.filter((outcome) => outcome.kind === 'failed');
  const first = unreached[0];
  if (first?.kind === 'failed' && unreached.length === hosts.length)
    return {results, end: await endRun(world, startedMs, 'refused', {code: first.problem.code})};
  return {
    results,
    end: await endRun(world, startedMs, results.every((result) => result.failure === undefined) ? 'converged' : 'needs-attention'),
  };
}
