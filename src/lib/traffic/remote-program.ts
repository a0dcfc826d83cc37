import {randomBytes} from 'node:crypto';
import {DroverError} from '../errors/drover-error.js';
import {printable} from '../errors/printable.js';
import type {ExecResult, Link} from '../host/link.js';
import {findFrame, renderHeader} from '../host/verb-call.js';
import {shellCommand} from '../host/verb-program.js';

export interface RemoteProgram {
  readonly link: Link;
  /** What it does, in a few words, for a dry run. */
  readonly label: string;
  /** POSIX sh that defines `main`; its variables are the names of `values`, its standard input the payload. */
  readonly program: string;
  /** Names are lower-case words; values are single lines. */
  readonly values: Readonly<Record<string, string>>;
  readonly payload?: string;
  /** From the request to the last byte. The program must end by itself before, because a lost one goes on. */
  readonly timeoutMs: number;
  readonly maxOutputBytes: number;
  readonly signal: AbortSignal;
}

export interface ProgramReply {
  /** Status of `main`. */
  readonly status: number;
  /** What `main` printed, without its last line break. */
  readonly body: string;
}

const prelude = `
PATH=\${PATH:-/usr/bin:/bin}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
export PATH
IFS= read -r nonce || exit 1
while IFS= read -r line && [ -n "$line" ]; do eval "\${line%%=*}=\\\${line#*=}"; done
printf '\\ndrover %s begin\\n' "$nonce"
`;
const postlude = `
main
printf '\\ndrover %s end %s\\n' "$nonce" "$?"
`;

/**
 * Runs a program on the host. The request has nothing of a caller in it: values and payload travel on standard input,
 * and the reply is what stands in a frame with a nonce of this call, whatever else login files print.
 * Throws `unreachable` when there is no complete frame: what the program did is unknown then.
 */
export async function runRemoteProgram(request: RemoteProgram): Promise<ProgramReply> {
  const nonce = randomBytes(16).toString('hex');
  for (const name of Object.keys(request.values)) {
    if (!/^[a-z][a-z_]*$/.test(name)) throw new Error(`"${name}" is not a name for a value`);
  }
  const result = await request.link.exec({
    command: shellCommand(prelude + request.program + postlude),
    label: request.label,
    stdin: Buffer.from(renderHeader(nonce, request.values) + (request.payload ?? '')),
    idleTimeoutMs: request.timeoutMs,
    totalTimeoutMs: request.timeoutMs,
    maxOutputBytes: request.maxOutputBytes,
    signal: request.signal,
  });
  request.signal.throwIfAborted();
  const frame = findFrame(result.stdout, nonce);
  if (frame !== undefined) return {status: frame.status, body: frame.body.replace(/\n$/, '')};
  const host = request.link.host.name;
  throw new DroverError({
    code: 'unreachable',
    host,
    message: `${host} gave no complete reply: ${describeExit(result)}`,
    fix: `try the login yourself: ssh ${host} true`,
  });
}

function describeExit({exit, stderr}: ExecResult): string {
  if (exit.kind === 'lost') return `connection lost (${exit.reason})`;
  if (exit.kind === 'timed-out') return `nothing for ${exit.afterMs / 1000} s`;
  if (exit.kind === 'killed') return `its shell was killed by ${exit.signal}`;
  const words = printable(stderr.toString('utf8').trim().slice(0, 200));
  return `its shell ended with ${exit.status}${words === '' ? '' : ` and said "${words}"`}`;
}
