import {timingSafeEqual} from 'node:crypto';
import net from 'node:net';
import path from 'node:path';
import type {Lab} from './lab.js';
import {listenOnSocket, prepareToClose} from './lab-network.js';

/** What a running lab says of itself. */
export interface LabDescription {
  readonly pid: number;
  readonly inventoryPath: string;
  readonly projectPath: string;
  readonly balancerUrl: string;
  readonly hosts: ReadonlyArray<{readonly name: string; readonly silo: string; readonly ssh: string; readonly web: string}>;
}

type Command = 'status' | 'down';

const maxRequestBytes = 4096;

function locateSocket(dir: string): string {
  return path.join(dir, 'lab.sock');
}

interface ControlOptions {
  readonly lab: Lab;
  readonly token: string;
  readonly onDown: () => void;
}

/** The socket by which the background process is asked and ended. Whoever lacks the token gets no answer. */
export async function openControl({lab, token, onDown}: ControlOptions): Promise<{close(): Promise<void>}> {
  const file = locateSocket(lab.dir);
  const answer = `${JSON.stringify(describeLab(lab))}\n`;
  const server = net.createServer((socket) => {
    let text = '';
    socket.setEncoding('utf8');
    socket.on('error', () => socket.destroy());
    socket.on('data', (piece: string) => {
      text += piece;
      if (text.length > maxRequestBytes) socket.destroy();
      if (!text.endsWith('\n')) return;
      const command = readCommand(text, token);
      if (command === undefined) return void socket.destroy();
      if (command === 'down') onDown();
      socket.end(answer);
    });
  });
  const close = prepareToClose(server);
  await listenOnSocket(server, file);
  return {close};
}

function describeLab({inventoryPath, projectPath, balancerUrl, hosts}: Lab): LabDescription {
  return {
    pid: process.pid,
    inventoryPath,
    projectPath,
    balancerUrl,
    hosts: hosts.map(({name, silo, ssh, web}) => ({
      name,
      silo,
      ssh: `${ssh.address}:${ssh.port}`,
      web: `http://${web.address}:${web.port}`,
    })),
  };
}

function readCommand(line: string, token: string): Command | undefined {
  const [command, proof = ''] = line.trim().split(' ');
  const given = Buffer.from(proof);
  const expected = Buffer.from(token);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
  return command === 'status' || command === 'down' ? command : undefined;
}

interface Question {
  readonly dir: string;
  readonly token: string;
  readonly command: Command;
  readonly timeoutMs: number;
}

/** Undefined when no lab answers there in time. */
export function askLab({dir, token, command, timeoutMs}: Question): Promise<LabDescription | undefined> {
  return new Promise((resolve) => {
    let text = '';
    const socket = net.connect({path: locateSocket(dir)});
    const timer = setTimeout(() => socket.destroy(), timeoutMs);
    socket.setEncoding('utf8');
    socket.once('connect', () => socket.write(`${command} ${token}\n`));
    socket.on('data', (piece: string) => {
      text += piece;
    });
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      clearTimeout(timer);
      resolve(text.endsWith('\n') ? (JSON.parse(text) as LabDescription) : undefined);
    });
  });
}
