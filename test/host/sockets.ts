import {spawnSync} from 'node:child_process';
import type {Server} from 'node:net';

export function listen(server: Server, at: {port: number; host: string} | {path: string}): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(at, resolve);
  });
}

/** A socket file that nobody listens on. */
export function makeStaleSocket(file: string): void {
  spawnSync(process.execPath, [
    '-e',
    `require('net').createServer().listen(${JSON.stringify(file)}, () => process.kill(process.pid, 'SIGKILL'))`,
  ]);
}
