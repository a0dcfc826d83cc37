import {spawn, spawnSync} from 'node:child_process';
import {mkdtemp, rm, symlink} from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {NodeSSH} from 'node-ssh';
import {type Lab, startLab} from '../../src/lib/lab/lab.js';
import {writeContent} from '../../src/lib/lab/lab-content.js';
import type {LabHost} from '../../src/lib/lab/lab-host.js';

export async function makeFolder(): Promise<string> {
  return mkdtemp(path.join(os.tmpdir(), 'drover-lab-'));
}

/** A lab in a folder of its own; `end` stops it and removes the folder. */
export async function openPracticeFleet(shape: {hosts?: number; silos?: string[]} = {}): Promise<{lab: Lab; end: () => Promise<void>}> {
  const dir = await makeFolder();
  const lab = await startLab({dir, ...shape, signal: AbortSignal.timeout(30_000)});
  const end = async () => {
    await lab.stop();
    await rm(dir, {recursive: true, force: true});
  };
  return {lab, end};
}

export function findHost(lab: Lab, name: string): LabHost {
  const host = lab.hosts.find((candidate) => candidate.name === name);
  if (host === undefined) throw new Error(`no host ${name}`);
  return host;
}

/** Puts a release on the host the way a deploy ends: a tree, and `current` on it. */
export async function placeRelease(host: LabHost, release: string, options = {version: 1, pages: 20}): Promise<string> {
  const tree = path.join(host.home, 'site', 'releases', release);
  await writeContent(tree, options);
  const current = path.join(host.home, 'site', 'current');
  await rm(current, {force: true});
  await symlink(path.join('releases', release), current);
  return tree;
}

export async function connect(lab: Lab, host: LabHost): Promise<NodeSSH> {
  const ssh = new NodeSSH();
  await ssh.connect({
    host: host.ssh.address,
    port: host.ssh.port,
    username: 'deploy',
    privateKeyPath: path.join(lab.dir, 'ssh', 'id_ed25519'),
  });
  ssh.connection?.setMaxListeners(0).on('error', () => {});
  return ssh;
}

/** The system's ssh, as an operator would type it. */
export function sshArguments(lab: Lab, host: LabHost, ...rest: string[]): string[] {
  const file = (name: string) => path.join(lab.dir, 'ssh', name);
  const options = ['-F', 'none', '-i', file('id_ed25519'), '-o', `UserKnownHostsFile=${file('known_hosts')}`, '-o', 'BatchMode=yes'];
  return [...options, '-p', String(host.ssh.port), ...rest.slice(0, -1), `deploy@${host.ssh.address}`, ...rest.slice(-1)];
}

export function hasProgram(name: string): boolean {
  return spawnSync(name, ['-V'], {stdio: 'ignore'}).error === undefined;
}

export function run(program: string, args: string[], input = ''): Promise<{status: number | null; stdout: string; stderr: string}> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args);
    const output = {stdout: '', stderr: ''};
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].on('data', (piece: Buffer) => {
        output[name] += piece.toString();
      });
    }
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    child.once('error', reject);
    child.once('close', (status) => resolve({status, ...output}));
  });
}

export function askSocket(file: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = net.connect({path: file}, () => socket.write(text));
    socket.on('data', (piece: Buffer) => {
      answer += piece.toString();
    });
    socket.once('error', reject);
    socket.once('end', () => resolve(answer));
  });
}

/** Asks until the answer is good; the test's own deadline is the limit. */
export async function waitUntil<T>(ask: () => Promise<T>, isGood: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (isGood(answer)) return answer;
    await sleep(10);
  }
}
