import type {ErrorCode} from '../errors/codes.js';
import {fanOut, type Outcome} from '../fanout/fan-out.js';
import {runCommandOn} from '../host/host-command.js';
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
  /** Why it was not reached. */
  readonly code?: ErrorCode;
  /** It was never begun there. */
  readonly skipped?: true;
}

/** A command, and how it is spread over the hosts. */
export interface CommandOptions {
  readonly command: string;
  readonly hosts: readonly Host[];
  readonly timeoutSeconds: number;
  readonly maxBytes: number;
  /** By `sudo -n`. */
  readonly sudo?: boolean;
  /** A file that the command finds as `$1`. */
  readonly script?: Buffer;
  /** Standard input on every host. */
  readonly input?: Buffer;
  /** So many hosts first; the others only when it succeeded on all of them. 0: all at once. */
  readonly canary?: number;
  /** No further host is begun once more than so many failed. */
  readonly budget?: number;
  /** Gets what a host prints as it comes. */
  readonly onPiece?: (host: Host, piece: Buffer) => void;
  readonly onResult: (result: CommandResult) => void;
  /** Nothing else is asked of a host: its connection is closed when its command has ended. */
  readonly isLast?: boolean;
}

/**
 * One shell command on many hosts. It is never run twice: a connection that was lost after the command began is `lost`, not tried again.
 * Ends `needs-attention` when any host failed or was not begun, `refused` with its code when none was reached.
 */
export async function runCommand(world: World, options: CommandOptions): Promise<{results: readonly CommandResult[]; end: RunEnd}> {
  const {hosts, canary = 0, budget = Number.POSITIVE_INFINITY, onResult} = options;
  const startedMs = world.now();
  await world.emit({
    kind: 'run-started',
    command: 'run',
    operator: world.operator,
    hosts: hosts.length,
    ...(world.reason === '' ? {} : {reason: world.reason}),
  });
  const results: CommandResult[] = [];
  const enough = new AbortController();
  let failures = 0;
  const begin = async (some: readonly Host[]): Promise<void> => {
    await fanOut(some, (host) => runOn(world, host, options), {
      concurrency: world.concurrency,
      random: world.random,
      signal: world.signal,
      drain: AbortSignal.any([world.interrupted, enough.signal]),
      retry: {attempts: 1, firstDelayMs: 0, maxDelayMs: 0},
      onOutcome: async (outcome) => {
        const result = readOutcome(outcome, enough.signal);
        results.push(result);
        onResult(result);
        if (hasFailed(result)) failures += 1;
        if (failures > budget) enough.abort('the budget is spent');
        await world.emit({
          kind: 'host-ended',
          host: result.host,
          outcome: outcome.kind === 'done' && result.failure !== undefined ? 'failed' : outcome.kind,
          ...(result.failure === undefined ? {} : {why: result.failure}),
        });
      },
    });
  };
  await begin(hosts.slice(0, canary));
  if (failures > 0) enough.abort('the first hosts failed');
  await begin(hosts.slice(canary));
  const order = new Map(hosts.map((host, index) => [host.name as string, index]));
  results.sort((a, b) => (order.get(a.host) ?? 0) - (order.get(b.host) ?? 0));
  if (world.interrupted.aborted) return {results, end: await endRun(world, startedMs, 'interrupted')};
  const [unreached] = results;
  if (unreached?.code !== undefined && results.every(({code, skipped}) => code !== undefined || skipped === true))
    return {results, end: await endRun(world, startedMs, 'refused', {code: unreached.code})};
  const outcome = results.every(({failure}) => failure === undefined) ? 'converged' : 'needs-attention';
  return {results, end: await endRun(world, startedMs, outcome)};
}

function hasFailed({failure, skipped}: CommandResult): boolean {
  return failure !== undefined && skipped !== true;
}

function readOutcome(outcome: Outcome<Host, CommandResult>, enough: AbortSignal): CommandResult {
  if (outcome.kind === 'done') return outcome.value;
  const nothing = {host: outcome.item.name, output: ''};
  if (outcome.kind === 'failed') return {...nothing, failure: outcome.problem.message, code: outcome.problem.code};
  if (outcome.kind === 'interrupted') return {...nothing, failure: 'interrupted'};
  return {...nothing, failure: enough.aborted ? `not begun: ${enough.reason}` : 'not begun', skipped: true};
}

async function runOn(world: World, host: Host, options: CommandOptions): Promise<CommandResult> {
  const {command, timeoutSeconds, maxBytes, sudo, script, input, onPiece} = options;
  const begun = world.now();
  await world.emit({kind: 'step-started', host: host.name, step: 'command'});
  const result = await useLink(world, host, (link) =>
    runCommandOn(link, {
      ...{command, seconds: timeoutSeconds, maxBytes, signal: world.signal},
      ...(sudo === undefined ? {} : {sudo}),
      ...(script === undefined ? {} : {script}),
      ...(input === undefined ? {} : {input}),
      ...(onPiece === undefined ? {} : {onPiece: (piece: Buffer) => onPiece(host, piece)}),
    }),
  );
  // Hundreds of idle connections are memory here and processes there.
  if (options.isLast === true) await world.links.drop(host);
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
  const {output, status} = result;
  return {host: host.name, output, status, ...(failure === undefined ? {} : {failure})};
}
