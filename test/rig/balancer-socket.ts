import {connect} from 'node:net';
import {setTimeout as sleep} from 'node:timers/promises';
import type {HostMachine} from './host-machine.js';

const rotationDeadlineMs = 30_000;

/** Asks HAProxy one question on its admin socket, from outside the host; rejects when the socket does not answer within 5 s. */
export function askBalancer(options: {readonly machine: HostMachine; readonly command: string}): Promise<string> {
  const {machine, command} = options;
  return new Promise((resolve, reject) => {
    const socket = connect(`/proc/${machine.pid()}/root/run/haproxy/admin.sock`);
    let text = '';
    socket.setTimeout(5000, () => socket.destroy(new Error(`HAProxy on ${machine.host.name} did not answer "${command}" within 5 s`)));
    socket.on('data', (piece) => {
      text += piece.toString();
    });
    socket.once('error', reject);
    socket.once('end', () => resolve(text));
    socket.write(`${command}\n`);
  });
}

/** Waits until the balancer sees `servers` servers up; rejects after 30 s with what it sees. */
export async function waitForRotation(options: {readonly machine: HostMachine; readonly servers: number}): Promise<void> {
  let table = '';
  for (let waitedMs = 0; waitedMs < rotationDeadlineMs; waitedMs += 50) {
    table = await askBalancer({machine: options.machine, command: 'show stat -1 4 -1'});
    if (table.split('\n').filter((line) => line.split(',')[17] === 'UP').length >= options.servers) return;
    await sleep(50);
  }
  throw new Error(`${options.machine.host.name} has not ${options.servers} servers up after ${rotationDeadlineMs} ms:\n${table}`);
}
