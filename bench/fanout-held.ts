import {execFile} from 'node:child_process';
import {mkdirSync} from 'node:fs';
import path from 'node:path';
import {promisify} from 'node:util';
import {projectRoot, type Section} from './bench-report.js';
import {atOnce} from './fanout-peers.js';
import type {FleetAccess} from './loopback-fleet.js';

interface Step {
  readonly wallS: number;
  readonly cpuS: number;
}

/** A command on all hosts whose connections are open already, as in every step of a run but the first. */
export async function measureHeld(
  folder: string,
  access: FleetAccess,
  steps: number,
): Promise<{readonly section: Section; readonly wallS: number}> {
  const state = path.join(folder, 'held');
  mkdirSync(state, {recursive: true});
  const program = ['--import', 'tsx', path.join(projectRoot, 'bench', 'held-steps.ts')];
  const words = [...program, access.inventory, String(steps), String(atOnce), state];
  const {stdout} = await promisify(execFile)(process.execPath, words, {cwd: projectRoot, maxBuffer: 1024 * 1024});
  const [first, ...further] = JSON.parse(stdout) as Step[];
  if (first === undefined || further.length === 0) throw new Error('no further step was taken');
  const sorted = (key: keyof Step): number[] => further.map((step) => step[key]).sort((a, b) => a - b);
  const [walls, cpus] = [sorted('wallS'), sorted('cpuS')];
  const middle = Math.floor(further.length / 2);
  const median = {wallS: walls[middle] ?? 0, cpuS: cpus[middle] ?? 0};
  return {
    wallS: median.wallS,
    section: {
      title: `Steps over held connections, ${access.hosts.length} hosts`,
      columns: [
        {key: 'name', title: 'step'},
        {key: 'wallS', title: 'wall s', digits: 2},
        {key: 'cpuS', title: 'client CPU s', digits: 2},
        {key: 'range', title: 'min–max wall s'},
      ],
      rows: [
        {name: 'first: connects, then true', ...first},
        {name: `each of ${further.length} further`, ...median, range: `${walls[0]?.toFixed(2)}–${walls.at(-1)?.toFixed(2)}`},
      ],
      note: 'One process, as in a run of several steps; CPU without `ssh -G`, which the first step alone starts.',
    },
  };
}
