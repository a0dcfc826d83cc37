import path from 'node:path';
import type {Ratio, Section} from './bench-report.js';
import type {Contender} from './contest.js';
import {listRunners} from './fanout-peers.js';
import type {LoopbackFleet} from './loopback-fleet.js';
import {measure} from './measure.js';

/** More and more hosts: what each costs shall stay what it was, and memory within bounds. */
export async function growHosts(
  folder: string,
  fleet: LoopbackFleet,
  {sizes, names, say}: {readonly sizes: readonly number[]; readonly names: readonly string[]; readonly say: (line: string) => void},
): Promise<{section: Section; ratios: readonly Ratio[]}> {
  const rows: {name: string; hosts: number; wallS: number; cpuS: number; msPerHost: number; cpuMsPerHost: number; rssMb: number}[] = [];
  for (const hosts of sizes) {
    const runners = listRunners(path.join(folder, `growth-${hosts}`), fleet.access(hosts), {slowRounds: 1});
    const take = async ({name, command, ...options}: Contender): Promise<void> => {
      const {wallS, cpuS, rssMb} = await measure(command, options);
      await fleet.cpu.readS();
      say(`${hosts} hosts, ${name}: ${wallS.toFixed(2)} s`);
      rows.push({name, hosts, wallS, cpuS, msPerHost: (wallS * 1000) / hosts, cpuMsPerHost: (cpuS * 1000) / hosts, rssMb});
    };
    for (const runner of runners.filter(({name}) => names.includes(name))) await take(runner);
  }
  const own = rows.filter(({name}) => name === 'drover run');
  const [least, most] = [own[0], own.at(-1)];
  const at400 = own.find(({hosts}) => hosts === 400);
  return {
    section: {
      title: 'More hosts',
      columns: [
        {key: 'hosts', title: 'hosts'},
        {key: 'name', title: 'program'},
        {key: 'wallS', title: 'wall s', digits: 2},
        {key: 'msPerHost', title: 'ms a host', digits: 1},
        {key: 'cpuS', title: 'client CPU s', digits: 2},
        {key: 'cpuMsPerHost', title: 'CPU ms a host', digits: 1},
        {key: 'rssMb', title: 'peak MB'},
      ],
      rows,
      note: 'Once each. Peak memory is that of the largest process: clush has an ssh for each host beside it.',
    },
    ratios: [
      {name: 'rss-mb', value: at400?.rssMb, aim: {atMost: 100}},
      {name: 'rss-mb-2000', value: own.find(({hosts}) => hosts === 2000)?.rssMb, aim: {atMost: 300}},
      {
        name: 'wall-per-host-growth',
        value: least === undefined || most === undefined ? undefined : most.msPerHost / least.msPerHost,
        aim: {atMost: 1.1},
      },
    ],
  };
}
