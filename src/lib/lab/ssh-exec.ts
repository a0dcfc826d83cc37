import type {ChildProcessWithoutNullStreams} from 'node:child_process';
import {constants} from 'node:os';
import type {Connection, ServerChannel, Session} from 'ssh2';

interface ExecChannel {
  readonly session: Session;
  readonly channel: ServerChannel;
  readonly connection: Connection;
  readonly child: ChildProcessWithoutNullStreams;
}

/**
 * Joins a process with the channel that asked for it. All three streams have back-pressure. When the client dies or
 * closes the channel, the process sees the end of its standard input and a broken pipe on its output, and goes on: just
 * as with sshd, a killed controller is not a stopped command. The exit status goes out after the last byte of output.
 */
export function serveExec({session, channel, connection, child}: ExecChannel): void {
  const abandon = () => {
    channel.unpipe(child.stdin);
    channel.resume();
    child.stdin.end();
    child.stdout.destroy();
    child.stderr.destroy();
  };
  for (const emitter of [channel, channel.stderr]) emitter.on('error', abandon);
  for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.on('error', ignoreBrokenPipe);
  for (const emitter of [channel, session, connection]) emitter.once('close', abandon);
  session.on('signal', (_accept, _reject, {name}) => signalGroup(child, `SIG${name}`));

  channel.pipe(child.stdin);
  child.stdout.pipe(channel, {end: false});
  child.stderr.pipe(channel.stderr, {end: false});

  child.once('error', (error) => channel.stderr.write(`${error.message}\n`));
  child.once('close', (status, signal) => {
    connection.off('close', abandon);
    finish(channel, signal === null ? {status: status === null || status < 0 ? 126 : status} : {signal});
  });
}

/** The process may close its input, or end, before the client has sent all: nobody's fault. */
function ignoreBrokenPipe(): void {}

/** Waits until the client's window has taken both streams; on a dead channel that never happens, and nothing is owed. */
function finish(channel: ServerChannel, ending: {status: number} | {signal: NodeJS.Signals}): void {
  let open = 2;
  const taken = () => {
    open -= 1;
    if (open > 0) return;
    if ('status' in ending) channel.exit(ending.status);
    else channel.exit(ending.signal.replace(/^SIG/, ''), false, '');
    channel.end();
  };
  channel.write('', taken);
  channel.stderr.write('', taken);
}

/** As sshd: the signal goes to the whole group of the command. A name that this system does not know is not delivered. */
function signalGroup(child: ChildProcessWithoutNullStreams, name: string): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null || !isSignal(name)) return;
  process.kill(-child.pid, name);
}

function isSignal(name: string): name is NodeJS.Signals {
  return name in constants.signals;
}
