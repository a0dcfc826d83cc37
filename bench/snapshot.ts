/** `npm run bench:snapshot`: what a snapshot costs, beside what others take for the same. */
import {mkdirSync, rmSync} from 'node:fs';
import path from 'node:path';
import {finishBench, readBenchFlags, type Section, startBench} from './bench-report.js';
import {holdContest, relate} from './contest.js';
import {fetchIcons} from './icons.js';
import {listPeers} from './peers.js';
import {growTrees} from './snapshot-growth.js';
import {measureLarge} from './snapshot-large.js';
import {listContenders} from './snapshot-peers.js';
import type {Column} from './table.js';

const flags = readBenchFlags('snapshot', process.argv.slice(2));
const {folder, machine} = startBench('snapshot');
const say = (line: string): boolean => process.stderr.write(`${line}\n`);
const columns: readonly Column[] = [
  {key: 'name', title: 'program'},
  {key: 'wallS', title: 'wall s', digits: 2},
  {key: 'cpuS', title: 'CPU s', digits: 2},
  {key: 'rssMb', title: 'peak MB'},
  {key: 'spread', title: 'spread', digits: 2},
];

const peers = listPeers([['git'], ['restic', 'version'], ['casync'], ['borg'], ['rsync'], ['zstd']]);
const icons = fetchIcons();
const work = path.join(folder, 'work');
try {
  mkdirSync(work, {recursive: true});
  const rows = await holdContest(listContenders(icons, work, peers, flags.quick), {rounds: flags.quick ? 2 : 5, say});
  const small: Section = {
    title: 'A tree of 43,103 files, 19 MB, in the page cache',
    columns,
    rows,
    note: 'Medians; everybody once a round, in turn. `first` is into an empty store, `again` is with nothing changed. drover and restic flush to the disk, the others do not.',
  };
  const {section: large, ratios: largeRatios} = await measureLarge(work, {quick: flags.quick, columns, say});
  const {section: growth, ratios: growthRatios} = await growTrees(work, {quick: flags.quick, say});
  finishBench({
    name: 'snapshot',
    flags,
    machine,
    peers: [...peers.values()],
    sections: [small, large, growth],
    ratios: [
      {name: 'first/restic', value: relate(rows, 'drover first', 'restic first'), aim: {atMost: 0.33}},
      {name: 'first/casync', value: relate(rows, 'drover first', 'casync make'), aim: {atMost: 1.3}},
      {name: 'again/git-status', value: relate(rows, 'drover again', 'git status'), aim: {atMost: 2}},
      ...largeRatios,
      ...growthRatios,
    ],
  });
} finally {
  rmSync(work, {recursive: true, force: true});
}
