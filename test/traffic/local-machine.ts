import {spawn} from 'node:child_process';
import {existsSync} from 'node:fs';
import {connect} from 'node:net';
import {Duplex} from 'node:stream';
import {DroverError} from '../../src/lib/errors/drover-error.js';
import type {DialTarget, ExecRequest, ExecResult, Exit, Link} from '../../src/lib/host/link.js';
import type {Host, HostName, RoleName, SiloName} from '../../src/lib/inventory/host.js';

export function makeHost(name: string, {silo = 'eu', address}: {silo?: string; address?: string} = {}): Host {
  return {
    name: name as HostName,
    silo: silo as SiloName,
    roles: ['web' as RoleName],
    ssh: {link: 'local', connectTimeoutMs: 1_000, ...(address === undefined ? {} : {address})},
  };
}

/** The POSIX shells of this machine, as something to exec. */
export const shells: readonly string[] = ['/bin/dash', '/bin/bash', '/usr/bin/busybox sh'].filter((shell) =>
  existsSync(shell.split(' ')[0] ?? ''),
);

/** Until a signal is aborted by the end of the test's own time. */
export const patiently: AbortSignal = new AbortController().signal;

/** This machine as a host, whose /bin/sh is `shell`: sockets of the loopback, as plain duplex streams without a socket's methods, like an SSH channel. */
export function linkLocally(host: Host, {env = {}, shell = '/bin/sh'}: {env?: NodeJS.ProcessEnv; shell?: string} = {}): Link {
  return {
    host,
    kind: 'local',
    exec: async (request) => runLocally(request, {env, shell}),
    dial: async (target, signal) => dialLocally(host, target, signal),
    close: async () => undefined,
  };
}

function runLocally(
  {command, stdin, totalTimeoutMs, signal}: ExecRequest,
  {env, shell}: {env: NodeJS.ProcessEnv; shell: string},
): Promise<ExecResult> {
  return new Promise((resolve, reject) => {
    const child = spawn('/bin/sh', ['-c', command.replace(/^exec \/bin\/sh /, `exec ${shell} `)], {
      detached: true,
      env: {PATH: process.env.PATH, HOME: process.env.HOME, ...env},
      stdio: 'pipe',
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let exit: Exit | undefined;
    const timer = setTimeout(() => {
      exit = {kind: 'timed-out', afterMs: totalTimeoutMs, what: 'total'};
      killGroup(child.pid);
    }, totalTimeoutMs);
    const stop = () => killGroup(child.pid);
    signal.addEventListener('abort', stop, {once: true});
    child.stdout.on('data', (piece: Buffer) => stdout.push(piece));
    child.stderr.on('data', (piece: Buffer) => stderr.push(piece));
    child.stdin.on('error', () => undefined);
    if (stdin === undefined || Buffer.isBuffer(stdin)) child.stdin.end(stdin);
    else stdin.pipe(child.stdin);
    child.on('error', reject);
    child.on('close', (status, killedBy) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      exit ??= status === null ? {kind: 'killed', signal: killedBy ?? 'unknown'} : {kind: 'exited', status};
      resolve({exit, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr), truncated: false});
    });
  });
}

function killGroup(pid: number | undefined): void {
  if (pid !== undefined) process.kill(-pid, 'SIGKILL');
}

function dialLocally(host: Host, target: DialTarget, signal: AbortSignal): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const at = target.kind === 'unix' ? {path: target.path} : {host: target.host, port: target.port};
    const socket = connect({...at, allowHalfOpen: true, signal});
    socket.once('connect', () => resolve(Duplex.from({readable: socket, writable: socket})));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      const where = target.kind === 'unix' ? target.path : `${target.host}:${target.port}`;
      reject(new DroverError({code: 'unreachable', host: host.name, message: `${host.name}: cannot open ${where}: ${error.code}`}));
    });
  });
}
