import {type ChildProcess, spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {writeFile} from 'node:fs/promises';
import {type AddressInfo, createServer} from 'node:net';
import path from 'node:path';
import {setTimeout as sleepFor} from 'node:timers/promises';
import {askHaproxy} from '../../src/lib/traffic/haproxy-socket.js';
import {linkLocally, makeHost, patiently} from './local-machine.js';

export const hasHaproxy = spawnSync('haproxy', ['-v']).status === 0;

export interface HaproxySetup {
  readonly directory: string;
  readonly name: string;
  /** Lines of `backend app`, and whatever sections follow. */
  readonly backend: readonly string[];
  readonly level?: 'admin' | 'operator';
  /** Before this, a worker that a reload leaves behind ends its last sessions; 1 s where left out. */
  readonly hardStopAfter?: string;
}

export interface HaproxyProcess {
  readonly socket: string;
  readonly masterSocket: string;
  /** Of the frontend in front of `backend app`. */
  readonly port: number;
  readonly pid: number;
  ask(command: string): Promise<string>;
  /** A real reload: the master starts a new worker that knows nothing of what was set through the socket. */
  reload(): Promise<void>;
  stop(): Promise<void>;
}

/** A real HAProxy in master-worker mode on loopback, answering on its socket when this returns. */
export async function startHaproxy(setup: HaproxySetup): Promise<HaproxyProcess> {
  const {directory, name, backend, level = 'admin', hardStopAfter = '1s'} = setup;
  const socket = path.join(directory, `${name}.sock`);
  const masterSocket = path.join(directory, `${name}.master.sock`);
  const port = await reservePort();
  const file = path.join(directory, `${name}.cfg`);
  const lines = [
    'global',
    `stats socket ${socket} mode 600 level ${level}`,
    'stats timeout 5s',
    `hard-stop-after ${hardStopAfter}`,
    'defaults',
    'mode http',
    'timeout connect 2s',
    'timeout client 30s',
    'timeout server 30s',
    'frontend f',
    `bind 127.0.0.1:${port}`,
    'default_backend app',
    'backend app',
    ...backend,
  ];
  await writeFile(file, `${lines.join('\n')}\n`);
  const child: ChildProcess = spawn('haproxy', ['-W', '-S', masterSocket, '-f', file], {stdio: 'ignore'});
  const link = linkLocally(makeHost(name));
  const ask = (command: string): Promise<string> => askHaproxy({link, socket, command, timeoutMs: 5_000, signal: patiently});
  const workerOf = async (): Promise<string | undefined> => {
    const info = await ask('show info').catch(() => '');
    return /^Pid: (\d+)$/m.exec(info)?.[1];
  };
  const first = await poll(workerOf, (pid) => pid !== undefined);
  const askMaster = () =>
    askHaproxy({link, socket: masterSocket, command: 'show proc', timeoutMs: 5_000, signal: patiently}).catch(() => undefined);
  await poll(askMaster, (answer) => answer !== undefined);
  return {
    socket,
    masterSocket,
    port,
    pid: Number(first),
    ask,
    reload: async () => {
      const before = await workerOf();
      child.kill('SIGUSR2');
      await poll(workerOf, (pid) => pid !== undefined && pid !== before);
    },
    stop: async () => {
      if (child.exitCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Asks until the answer is the wanted one; the test's own timeout is the deadline. */
export async function poll<T>(ask: () => Promise<T>, isWanted: (answer: T) => boolean): Promise<T> {
  while (true) {
    const answer = await ask();
    if (isWanted(answer)) return answer;
    await sleepFor(20);
  }
}

export async function reservePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const {port} = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
