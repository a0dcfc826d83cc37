import {DroverError, type Problem} from '../errors/drover-error.js';
import type {Link} from '../host/link.js';
import type {Drain} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import type {Balancer, Rotation} from './balancer.js';
import {refuseLeftovers} from './leftovers.js';
import {describeResult, runOperatorCommand} from './operator-command.js';
import {isOutOfReach} from './out-of-reach.js';
import type {Pause} from './pause.js';

export interface ExecBalancerOptions {
  readonly drain: Extract<Drain, {kind: 'exec'}>;
  /** Where the commands run when `drain.on` is set. */
  readonly balancerHosts: readonly Host[];
  readonly open: (host: Host, signal: AbortSignal) => Promise<Link>;
  readonly sleep: Pause;
}

const commandTimeoutMs = 60_000;
const sessionsTimeoutMs = 10_000;
const undoMs = 70_000;
const pollMs = 1_000;

/**
 * Operator's commands, on the web host or on each of the balancer hosts. They must be idempotent. There is no command that
 * tells whether a host is in rotation, so `read` says `in`; with `sessions` it counts them, and with `close` those left are
 * cut by whatever follows the drain.
 */
export function createExecBalancer({drain, balancerHosts, open, sleep}: ExecBalancerOptions): Balancer {
  const placesOf = (host: Host): readonly Host[] => (drain.on === undefined ? [host] : balancerHosts);

  const run = async (host: Host, at: Host, name: 'drain' | 'admit' | 'sessions', signal: AbortSignal): Promise<string> => {
    const timeoutMs = name === 'sessions' ? sessionsTimeoutMs : commandTimeoutMs;
    const link = await open(at, signal);
    const result = await runOperatorCommand({link, command: drain[name] ?? 'echo 0', hostName: host.name, timeoutMs, signal});
    if (result.status === 0) return result.output;
    const message = `drain.exec.${name} for ${host.name} on ${at.name}: ${describeResult(result, timeoutMs)}`;
    throw new DroverError({code: 'refused', host: host.name, message, fix: `run it yourself on ${at.name} with DROVER_HOST=${host.name}`});
  };

  const countSessions = async (host: Host, signal: AbortSignal): Promise<number> => {
    if (drain.sessions === undefined) return 0;
    const answers = await Promise.all(placesOf(host).map((at) => run(host, at, 'sessions', signal)));
    return answers.reduce((sum, answer) => sum + parseCount(host, answer), 0);
  };

  const waitForQuiet = async (host: Host, signal: AbortSignal): Promise<number> => {
    const deadline = AbortSignal.timeout(drain.longestMs ?? drain.waitMs);
    let quiet = 0;
    while (true) {
      const open = await countSessions(host, signal);
      quiet = open === 0 ? quiet + 1 : 0;
      if (quiet === 2 || drain.sessions === undefined || deadline.aborted) return open;
      await sleep(pollMs, signal);
    }
  };

  return {
    kind: 'exec',
    preflight: async () =>
      drain.on !== undefined && balancerHosts.length === 0 ? [`no host is selected by drain.exec.on "${drain.on}"`] : [],
    read: async (hosts, signal) =>
      Promise.all(
        hosts.map(async (host): Promise<Rotation> => {
          try {
            return {host, state: 'in', sessions: await countSessions(host, signal)};
          } catch (error) {
            if (drain.on !== undefined || !isOutOfReach(error)) throw error;
            return {host, state: 'down', sessions: 0};
          }
        }),
      ),
    drain: async (host, signal) => {
      const touched: Host[] = [];
      try {
        for (const at of placesOf(host)) {
          touched.push(at);
          await run(host, at, 'drain', signal);
        }
        const left = await waitForQuiet(host, signal);
        if (left === 0 || drain.then === 'close') return {cut: left};
        throw refuseLeftovers({host, drain}, left);
      } catch (error) {
        for (const at of touched) await undo(host, error, run(host, at, 'admit', AbortSignal.timeout(undoMs)));
        throw error;
      }
    },
    admit: async (host, signal) => {
      for (const at of placesOf(host)) await run(host, at, 'admit', signal);
    },
  };
}

async function undo(host: Host, cause: unknown, admitting: Promise<unknown>): Promise<void> {
  try {
    await admitting;
  } catch (error) {
    if (!(error instanceof DroverError)) throw error;
    const stuck: Problem = {...error.problems[0], code: 'needs-attention'};
    const message = cause instanceof Error ? cause.message : String(cause);
    if (cause instanceof DroverError) throw new DroverError(...cause.problems, stuck);
    throw new DroverError({code: 'refused', host: host.name, message: `drain of ${host.name}: ${message}`}, stuck);
  }
}

function parseCount(host: Host, answer: string): number {
  const text = answer.trim();
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new DroverError({
    code: 'refused',
    host: host.name,
    message: `drain.exec.sessions for ${host.name} printed "${text.slice(0, 80)}", not a number`,
    fix: 'let it print the number of open sessions and nothing else',
  });
}
