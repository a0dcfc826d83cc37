import {DroverError} from '../errors/drover-error.js';
import type {Link} from '../host/link.js';
import type {Drain} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import type {Balancer} from './balancer.js';
import {isOutOfReach} from './out-of-reach.js';
import type {Pause} from './pause.js';
import {runRemoteProgram} from './remote-program.js';

export interface FileBalancerOptions {
  readonly drain: Extract<Drain, {kind: 'file'}>;
  /** The app's root on the host, for a relative path. */
  readonly root: string;
  readonly open: (host: Host, signal: AbortSignal) => Promise<Link>;
  readonly sleep: Pause;
}

type Action = 'read' | 'examine' | 'remove' | 'create';

const timeoutMs = 20_000;

const program = `
main() {
  case $path in /*) file=$path ;; '~/'*) file=$HOME/\${path#??} ;; *) file=$root/$path ;; esac
  case $file in '~/'*) file=$HOME/\${file#??} ;; esac
  case $action in
    read) ;;
    examine) directory=$(dirname -- "$file")
      [ -d "$directory" ] || { echo "$directory is not a directory"; return 1; }
      [ -w "$directory" ] || { echo "$directory is not writable"; return 1; }
      [ ! -d "$file" ] || { echo "$file is a directory"; return 1; } ;;
    remove) rm -f -- "$file" 2>&1 || return 1 ;;
    create) umask 022; [ -e "$file" ] || { : >"$file"; } 2>&1 || return 1 ;;
  esac
  if [ -e "$file" ]; then echo present; else echo absent; fi
}
`;

/**
 * The balancer asks each web host for a readiness file. It cannot be asked how many sessions are open, so a drain waits
 * `settleMs` for it to notice, and nothing is ever counted as cut.
 */
export function createFileBalancer({drain, root, open, sleep}: FileBalancerOptions): Balancer {
  const act = async (host: Host, action: Action, signal: AbortSignal): Promise<'present' | 'absent'> => {
    const link = await open(host, signal);
    const values = {path: drain.path, root, action};
    const {status, body} = await runRemoteProgram({
      link,
      label: `${action} readiness file ${drain.path}`,
      program,
      values,
      timeoutMs,
      maxOutputBytes: 4096,
      signal,
    });
    if (status === 0 && (body === 'present' || body === 'absent')) return body;
    const message = `readiness file ${drain.path} on ${host.name}: ${body === '' ? `status ${status}` : body}`;
    throw new DroverError({code: 'refused', host: host.name, message, fix: 'make its directory writable for the login user'});
  };

  const change = async (host: Host, action: 'remove' | 'create', signal: AbortSignal): Promise<void> => {
    const wanted = action === 'create' ? 'present' : 'absent';
    const found = await act(host, action, signal);
    if (found === wanted) return sleep(drain.settleMs, signal);
    throw new DroverError({
      code: 'refused',
      host: host.name,
      message: `readiness file ${drain.path} on ${host.name} is ${found} after ${action}`,
    });
  };

  return {
    kind: 'file',
    preflight: async (hosts, signal) => {
      const problems = await Promise.all(hosts.map((host) => describeFailure(act(host, 'examine', signal))));
      return problems.filter((problem) => problem !== undefined);
    },
    read: async (hosts, signal) =>
      Promise.all(
        hosts.map(async (host) => {
          try {
            const found = await act(host, 'read', signal);
            return {host, state: found === 'present' ? ('in' as const) : ('out' as const), sessions: 0};
          } catch (error) {
            if (!isOutOfReach(error)) throw error;
            return {host, state: 'down' as const, sessions: 0};
          }
        }),
      ),
    drain: async (host, signal) => {
      await change(host, 'remove', signal);
      return {cut: 0};
    },
    admit: async (host, signal) => change(host, 'create', signal),
  };
}

async function describeFailure(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (!(error instanceof DroverError)) throw error;
    // The run itself names hosts that it cannot reach, and its budget decides.
    return isOutOfReach(error) ? undefined : error.message;
  }
}
