import {spawn} from 'node:child_process';
import {mkdtemp, readdir} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {startLab} from '../lab/lab.js';
import {breakContent, changeOnePercent, listContentPaths, writeContent} from '../lab/lab-content.js';
import {startTraffic, type TrafficReport} from '../lab/lab-traffic.js';
import {renderTable} from '../report/table.js';
import type {Answer} from './answer.js';
import {listenForInterrupt} from './interrupt.js';
import {inspectTerminal} from './terminal.js';

const pages = 100;
const requestsPerSecond = 50;
const program = fileURLToPath(new URL('../../../bin/run.js', import.meta.url));

interface Chapter {
  readonly title: string;
  readonly seconds: number;
}

/**
 * The guided tour: a practice fleet in this process, visitors at a constant rate, and the real commands, each run as a person would type
 * it. Exit 0 only when every command ended as the story says and no visitor saw an error.
 */
export async function playDemo(hosts: number, env: NodeJS.ProcessEnv): Promise<Answer> {
  const interrupt = listenForInterrupt(() => undefined);
  const dir = await mkdtemp(path.join(tmpdir(), 'drover-demo-'));
  const stateHome = path.join(dir, 'state');
  const content = path.join(dir, 'content');
  const lab = await startLab({dir, hosts, missCostMs: 10, signal: interrupt.interrupted});
  const chapters: Chapter[] = [];
  const surprises: string[] = [];
  const tell = (line: string): void => void process.stderr.write(`${line}\n`);
  const play = async (title: string, commands: readonly (readonly [expected: number, ...words: string[]])[]): Promise<void> => {
    tell(`\n== ${title}`);
    const startedMs = Date.now();
    for (const [expected, ...words] of commands) {
      if (interrupt.interrupted.aborted) return;
      tell(`$ drover ${words.join(' ')}`);
      const status = await runDrover(words, {cwd: dir, env: {...env, XDG_STATE_HOME: stateHome}});
      if (status !== expected) surprises.push(`drover ${words.join(' ')} ended with ${status}, not ${expected}`);
      if (expected !== 0) tell(`(exit ${status})`);
    }
    chapters.push({title, seconds: (Date.now() - startedMs) / 1000});
  };
  let report: TrafficReport | undefined;
  try {
    tell(`A practice fleet is up: ${hosts} web hosts in 2 silos and a balancer at ${lab.balancerUrl}, all in this process.`);
    await writeContent(content, {version: 1, pages});
    await play(`A site goes online: ${pages} pages become a snapshot, and a release on every host`, [
      [0, 'snapshot'],
      [0, 'deploy', '--all', '--yes', '--skip-warm', '--reason', 'nobody visits yet'],
    ]);
    const traffic = startTraffic({
      url: lab.balancerUrl,
      paths: listContentPaths(pages),
      ratePerSecond: requestsPerSecond,
      signal: interrupt.abandoned,
    });
    tell(`\nFrom here on visitors ask for ${requestsPerSecond} pages a second, half of them on new connections.`);
    await changeOnePercent(content, {version: 2, pages});
    await play('One page in a hundred changed: see how little travels', [
      [0, 'snapshot', '--label', 'version=2'],
      [0, 'push', '--all'],
    ]);
    await play('Wave by wave, canary first: drain, switch, restart, health, warm, admit, confirm', [
      [0, 'deploy', '--all', '--yes', '--reason', 'new articles'],
    ]);
    await play('Warm the caches again: nothing is cold now', [[0, 'warm', '--all']]);
    await breakContent(content);
    await play('A broken release: stopped at the canary, taken back by itself (exit 7)', [
      [0, 'snapshot', '--label', 'version=broken'],
      [7, 'deploy', '--all', '--yes'],
    ]);
    await play('Roll back to the release before, without moving a byte', [[0, 'rollback', '--all', '--yes', '--reason', 'show how']]);
    await play('Health: who serves what', [[0, 'health', '--all']]);
    report = await traffic.stop();
  } finally {
    await lab.stop();
    interrupt.dispose();
  }
  return closeDemo({chapters, surprises, report, stateHome, env, interrupted: interrupt.interrupted.aborted});
}

function runDrover(words: readonly string[], options: {cwd: string; env: NodeJS.ProcessEnv}): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...words], {...options, stdio: ['ignore', 'inherit', 'inherit']});
    child.on('error', reject);
    child.on('close', (status) => resolve(status ?? 1));
  });
}

async function closeDemo(ending: {
  chapters: readonly Chapter[];
  surprises: readonly string[];
  report: TrafficReport | undefined;
  stateHome: string;
  env: NodeJS.ProcessEnv;
  interrupted: boolean;
}): Promise<Answer> {
  const {chapters, surprises, report, stateHome, env, interrupted} = ending;
  const terminal = inspectTerminal(env);
  const runs = path.join(stateHome, 'drover', 'runs');
  const records = (await readdir(runs).catch(() => [])).sort();
  const requests = report?.requests ?? 0;
  const failed = report?.failed ?? 0;
  const good = !interrupted && surprises.length === 0 && failed === 0 && requests > 0;
  const table = renderTable({
    columns: [{title: 'CHAPTER'}, {title: 'SECONDS', align: 'right', shrinks: false}],
    rows: chapters.map(({title, seconds}) => [title, seconds.toFixed(1)]),
    colour: terminal.outColour,
    ...(terminal.outColumns === undefined ? {} : {width: terminal.outColumns}),
  });
  const lines = [
    '',
    table.trimEnd(),
    '',
    ...surprises.map((surprise) => `not as told: ${surprise}`),
    ...(report?.failures ?? []).map((failure) => `failed: ${failure}`),
    `${requests} requests, ${failed} failed`,
    `records: ${runs}/<run>/report.html and events.ndjson (${records.length} runs)`,
    'play with it yourself: drover lab up',
  ];
  return {
    text: `${lines.join('\n')}\n`,
    json: {schemaVersion: 1, ok: good, requests, failed, chapters, surprises, records: runs},
    exit: interrupted ? 130 : good ? 0 : 1,
  };
}
