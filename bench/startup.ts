/** `npm run bench:startup`: what it costs to start the program, beside Node doing nothing. */
import {mkdirSync, rmSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {finishBench, readBenchFlags, startBench} from './bench-report.js';
import {type Contender, holdContest, relate} from './contest.js';
import {makeProject} from './drover-project.js';

const hostCount = 400;

const flags = readBenchFlags('startup', process.argv.slice(2));
const {folder, machine} = startBench('startup');
const work = path.join(folder, 'work');
try {
  const source = path.join(work, 'source');
  mkdirSync(source, {recursive: true});
  writeFileSync(path.join(source, 'page.html'), 'hello\n');
  const project = makeProject(path.join(work, 'project'), source);
  const hosts = Array.from({length: hostCount}, (_, index) => `  web${index + 1}.example.com: {silo: silo${index % 8}, role: web}\n`);
  writeFileSync(path.join(project.folder, 'inventory.yml'), `hosts:\n${hosts.join('')}`);
  const contenders: readonly Contender[] = [
    {name: 'node -e 0', command: [process.execPath, '-e', '0'], cwd: work},
    {name: 'drover --version', ...project.command('--version')},
    {name: `drover hosts, ${hostCount} hosts`, ...project.command('hosts')},
    {name: 'drover help', ...project.command('help')},
    {name: 'drover snapshot, one file', ...project.command('snapshot')},
    {name: 'drover push --help', ...project.command('push', '--help')},
    {name: 'Tab after drover dep', ...project.command('completion', '--words', 'dep')},
    {name: `Tab after --hosts, ${hostCount} hosts`, ...project.command('completion', '--words', 'deploy', '--hosts', 'web1')},
  ];
  const say = (line: string): boolean => process.stderr.write(`${line}\n`);
  const rows = await holdContest(contenders, {rounds: flags.quick ? 7 : 20, say});
  finishBench({
    name: 'startup',
    flags,
    machine,
    peers: [`node ${process.versions.node}`],
    sections: [
      {
        title: 'From the shell to the answer',
        columns: [
          {key: 'name', title: 'program'},
          {key: 'wallS', title: 'wall s', digits: 3},
          {key: 'cpuS', title: 'CPU s', digits: 2},
          {key: 'rssMb', title: 'peak MB'},
          {key: 'spread', title: 'spread', digits: 2},
        ],
        rows,
        note: 'Medians; everybody once a round, in turn.',
      },
    ],
    ratios: [
      {name: 'version/node', value: relate(rows, 'drover --version', 'node -e 0'), aim: {atMost: 1.5}},
      {name: 'hosts400/node', value: relate(rows, `drover hosts, ${hostCount} hosts`, 'node -e 0'), aim: {atMost: 2.5}},
      {
        name: 'completion-ms',
        value: (rows.find(({name}) => name === 'Tab after drover dep')?.wallS ?? Number.NaN) * 1000,
        aim: {atMost: 150},
      },
    ],
  });
} finally {
  rmSync(work, {recursive: true, force: true});
}
