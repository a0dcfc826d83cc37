import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {writeContent} from '../lab/lab-content.js';
import {type LabStatus, labDown, labStatus, labUp, serveLab} from '../lab/lab-daemon.js';
import {renderTable} from '../report/table.js';
import type {Answer} from './answer.js';
import {listenForInterrupt} from './interrupt.js';
import {stateDirectory} from './state-directory.js';
import {inspectTerminal} from './terminal.js';

const pages = 400;

/** Where the practice fleet lives unless --dir says otherwise. */
export function labDirectory(dir: string | undefined, env: NodeJS.ProcessEnv): string {
  return dir === undefined ? path.join(stateDirectory(env), 'lab') : path.resolve(dir);
}

const program = fileURLToPath(new URL('../../../bin/run.js', import.meta.url));

/** Starts the fleet in the background, with content to release; one that runs already is shown. */
export async function bringLabUp(dir: string, hosts: number): Promise<Answer> {
  const description = await labUp({
    dir,
    entry: [process.execPath, program, 'lab', 'serve', '--dir', dir, '--hosts', String(hosts)],
    signal: AbortSignal.timeout(60_000),
  });
  await writeContent(path.join(dir, 'content'), {version: 1, pages});
  return describeLab({kind: 'up', ...description}, dir);
}

export async function showLab(dir: string): Promise<Answer> {
  return describeLab(await labStatus({dir}), dir);
}

export async function takeLabDown(dir: string): Promise<Answer> {
  const ended = await labDown({dir, signal: AbortSignal.timeout(30_000)});
  return {text: ended ? 'the lab is down; its files stay\n' : 'no lab was up\n', json: {schemaVersion: 1, ended}, exit: 0};
}

/** The background process itself. Returns when the lab was taken down. */
export async function serveLabUntilDown(dir: string, hosts: number): Promise<Answer> {
  const interrupt = listenForInterrupt(() => undefined);
  try {
    await serveLab({dir, hosts, signal: interrupt.interrupted});
    return {text: '', json: {schemaVersion: 1}, exit: 0};
  } finally {
    interrupt.dispose();
  }
}

function describeLab(status: LabStatus, dir: string): Answer {
  if (status.kind !== 'up') {
    const text =
      status.kind === 'down'
        ? 'no lab is up; start one with: drover lab up\n'
        : `the lab (process ${status.pid}) does not answer; end it with: drover lab down\n`;
    return {text, json: {schemaVersion: 1, status: status.kind}, exit: 0};
  }
  const terminal = inspectTerminal(process.env);
  const table = renderTable({
    columns: [{title: 'HOST'}, {title: 'SILO'}, {title: 'SSH'}, {title: 'WEB'}],
    rows: status.hosts.map((host) => [host.name, host.silo, host.ssh, host.web]),
    colour: terminal.outColour,
    ...(terminal.outColumns === undefined ? {} : {width: terminal.outColumns}),
  });
  const tries = `try: cd ${dir} && drover snapshot && drover deploy --all && curl -i ${status.balancerUrl}\n`;
  return {text: `${table}balancer ${status.balancerUrl}\n${tries}`, json: {schemaVersion: 1, status: 'up', dir, ...status}, exit: 0};
}
