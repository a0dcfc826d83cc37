import type {Link} from '../host/link.js';
import {runRemoteProgram} from './remote-program.js';

export interface OperatorCommand {
  readonly link: Link;
  /** Shell text from drover.yml; several lines are fine. */
  readonly command: string;
  /** `$DROVER_HOST`. */
  readonly hostName: string;
  /** Where it runs; `~/` is the login directory. Default: the login directory. */
  readonly directory?: string;
  /** Then its process group gets TERM, and KILL a second later. Whole seconds on the host. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface CommandResult {
  readonly status: number;
  readonly timedOut: boolean;
  /** Both output streams; the middle is cut out of more than 64 KiB. */
  readonly output: string;
}

/** Statuses of `main` that are not the command's own. */
const timedOutStatus = 254;
const noDirectoryStatus = 253;
const noSetsidStatus = 252;
const graceMs = 10_000;

const program = `
main() {
  command -v setsid >/dev/null || { echo "setsid is not installed"; return ${noSetsidStatus}; }
  case $directory in '~') directory=$HOME ;; '~/'*) directory=$HOME/\${directory#??} ;; esac
  cd -- "$directory" 2>/dev/null || { echo "no directory $directory"; return ${noDirectoryStatus}; }
  DROVER_HOST=$host
  export DROVER_HOST
  text=$(cat)
  late=
  trap 'late=1' USR1
  setsid sh -c "$text" </dev/null 2>&1 &
  child=$!
  setsid sh -c 'sleep "$1"; kill -USR1 "$2"' sh "$seconds" "$$" </dev/null >/dev/null 2>&1 &
  watch=$!
  wait "$child"
  ended=$?
  [ -z "$late" ] || { kill -TERM "$child" "-$child"; sleep 1; ended=${timedOutStatus}; } 2>/dev/null
  kill -KILL "-$child" 2>/dev/null
  kill -KILL "$watch" 2>/dev/null
  kill -KILL "-$watch" 2>/dev/null
  echo "status $ended"
}
`;

/**
 * Runs an operator's command on a host, in a process group of its own that ends with it: what it leaves behind is
 * killed, so a daemon must be started through its service manager or with setsid. Standard input is empty.
 * The host itself holds the deadline, so that a lost connection leaves nothing running.
 */
export async function runOperatorCommand(request: OperatorCommand): Promise<CommandResult> {
  const seconds = Math.max(1, Math.ceil(request.timeoutMs / 1000));
  const reply = await runRemoteProgram({
    link: request.link,
    label: `run ${JSON.stringify(request.command)}`,
    program,
    values: {host: request.hostName, directory: request.directory ?? '~', seconds: String(seconds)},
    payload: request.command,
    timeoutMs: seconds * 1000 + graceMs,
    maxOutputBytes: 64 * 1024,
    signal: request.signal,
  });
  const ended = /(?:^|\n)status (\d+)$/.exec(reply.body);
  if (ended === null) return {status: reply.status, timedOut: false, output: reply.body};
  const status = Number(ended[1]);
  return {status, timedOut: status === timedOutStatus, output: reply.body.slice(0, ended.index)};
}

/** `exit 3: last line of output`, for a message. */
export function describeResult({status, timedOut, output}: CommandResult, timeoutMs: number): string {
  const last = output.trimEnd().split('\n').at(-1)?.slice(0, 200) ?? '';
  const ending = timedOut ? `not done after ${Math.ceil(timeoutMs / 1000)} s` : `exit ${status}`;
  return last === '' ? ending : `${ending}: ${last}`;
}
