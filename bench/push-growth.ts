import {mkdirSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import type {Ratio, Section} from './bench-report.js';
import {makeProject} from './drover-project.js';
import {measure, type Sample} from './measure.js';
import {type PushFleet, startFleet} from './push-fleet.js';
import {putAside, takeSnapshot} from './push-peers.js';

interface GrowthRow extends Sample {
  readonly hosts: number;
  readonly cpuMsPerHost: number;
}

const files = 2000;

/** One per cent of 2,000 files to more and more hosts. All of them are this machine: the wall is theirs, the CPU the operator's. */
export async function growFleet(
  folder: string,
  {quick, say}: {readonly quick: boolean; readonly say: (line: string) => void},
): Promise<{section: Section; ratios: readonly Ratio[]}> {
  const sizes = quick ? [12, 24] : [12, 100, 400];
  const fleet: PushFleet = await startFleet(path.join(folder, 'fleet'), sizes.at(-1) ?? 0);
  try {
    const project = makeProject(path.join(folder, 'project'), '.');
    const ids = ['before', 'after'].map((name, version) => takeSnapshot(project, makeTree(path.join(folder, name), version)));
    const rows: GrowthRow[] = [];
    for (const hosts of sizes) {
      writeFileSync(path.join(project.folder, 'inventory.yml'), fleet.inventory(hosts));
      putAside(fleet.hosts.slice(0, hosts), 'content');
      const push = (id = ''): Promise<Sample> => {
        const {command, ...options} = project.command('push', 'content', id, '--all', '--inventory-changed', '--concurrency', '100');
        return measure(command, options);
      };
      await push(ids[0]);
      const sample = await push(ids[1]);
      say(`${hosts} hosts: ${sample.wallS.toFixed(2)} s`);
      rows.push({hosts, ...sample, cpuMsPerHost: (sample.cpuS * 1000) / hosts});
    }
    const [least, most] = [rows[0], rows.at(-1)];
    const perHost = least === undefined || most === undefined ? 0 : (most.cpuS - least.cpuS) / (most.hosts - least.hosts);
    return {
      section: {
        title: `A delta of 1 % of ${files.toLocaleString('en-US')} files, to more hosts`,
        columns: [
          {key: 'hosts', title: 'hosts'},
          {key: 'wallS', title: 'wall s', digits: 2},
          {key: 'cpuS', title: 'operator CPU s', digits: 2},
          {key: 'cpuMsPerHost', title: 'CPU ms a host', digits: 1},
          {key: 'rssMb', title: 'peak MB'},
        ],
        rows,
        note: `Each further host costs the operator ${(perHost * 1000).toFixed(1)} ms of CPU. The hosts share this machine, so that the wall grows with their work.`,
      },
      ratios: [
        {
          name: 'cpu-per-host-growth',
          value: most === undefined || least === undefined ? undefined : most.cpuMsPerHost / least.cpuMsPerHost,
          aim: {atMost: 1},
        },
      ],
    };
  } finally {
    await fleet.stop();
  }
}

function makeTree(folder: string, version: number): string {
  for (let index = 0; index < files; index += 1) {
    const file = path.join(folder, `d${index % 40}`, `f${index}.js`);
    if (index < 40) mkdirSync(path.dirname(file), {recursive: true});
    writeFileSync(file, `export const value${index} = ${index % 100 === 0 ? version : 0};\n`.repeat(20));
  }
  return folder;
}
