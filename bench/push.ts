/** `npm run bench:push`: what bringing a tree to many hosts costs, beside what others take for the same. */
import {spawnSync} from 'node:child_process';
import {mkdirSync} from 'node:fs';
import path from 'node:path';
import {finishBench, readBenchFlags, type Section, startBench} from './bench-report.js';
import {holdContest, relate} from './contest.js';
import {fetchIcons} from './icons.js';
import {measure} from './measure.js';
import {listPeers} from './peers.js';
import {countWireBytes} from './push-bytes.js';
import {startFleet} from './push-fleet.js';
import {growFleet} from './push-growth.js';
import {changeTwoFiles, listPushers} from './push-peers.js';
import {countRelayBytes} from './push-relay.js';

const flags = readBenchFlags('push', process.argv.slice(2));
const {folder, machine} = startBench('push');
const say = (line: string): boolean => process.stderr.write(`${line}\n`);
const hostCount = 12;

const peers = listPeers([['rsync'], ['tar'], ['zstd']]);
const before = fetchIcons();
const work = path.join(folder, 'work');
removeAll();
mkdirSync(work, {recursive: true});
const fleet = await startFleet(path.join(work, 'fleet'), hostCount);
try {
  const after = path.join(work, 'after');
  changeTwoFiles(before, after);
  const stage = {fleet, hosts: fleet.hosts, folder: work, before, after};
  const rows = await holdContest(listPushers(stage, peers), {rounds: flags.quick ? 1 : 2, say});
  const {perHost, deltaBytes} = await countWireBytes(stage, peers);
  const linked = await measure(['cp', '-al', before, path.join(work, 'linked')], {cwd: work});
  const contest: Section = {
    title: `A tree of 43,103 files, 19 MB, to ${hostCount} hosts at once`,
    columns: [
      {key: 'name', title: 'program'},
      {key: 'wallS', title: 'wall s', digits: 2},
      {key: 'cpuS', title: 'operator CPU s', digits: 2},
      {key: 'wireBytes', title: 'bytes per host'},
      {key: 'rssMb', title: 'peak MB'},
      {key: 'spread', title: 'spread', digits: 2},
    ],
    rows: [
      ...rows.map((row) => ({...row, wireBytes: perHost.get(row.name)})),
      {name: 'cp -al of the base, one host alone', wallS: linked.wallS, rssMb: linked.rssMb},
    ],
    note: `Medians; everybody once a round, in turn. All hosts are this machine, through one real sshd. drover builds and compresses its delta in the time, verifies every new file on the host and flushes to the disk; its snapshot was taken before. The others verify and flush nothing. Bytes per host are all that TCP carries in both directions, SSH and its handshake included; the delta of the two files itself is ${deltaBytes.toLocaleString('en-US')} bytes.`,
  };
  const relay = await countRelayBytes(path.join(work, 'relay'));
  const growth = await growFleet(path.join(work, 'growth'), {quick: flags.quick, say});
  const droverBytes = perHost.get('drover two files');
  finishBench({
    name: 'push',
    flags,
    machine,
    peers: [...peers.values()],
    sections: [contest, relay.section, growth.section],
    ratios: [
      {name: 'delta-wall/rsync', value: relate(rows, 'drover two files', 'rsync two files'), aim: {atMost: 0.2}},
      {name: 'delta-cpu/rsync', value: relate(rows, 'drover two files', 'rsync two files', 'cpuS'), aim: {atMost: 0.2}},
      {name: 'delta-bytes-per-host', value: droverBytes === undefined ? undefined : droverBytes / (deltaBytes + 4096), aim: {atMost: 1}},
      {name: 'first-wall/targz', value: relate(rows, 'drover first', 'tar.gz first'), aim: {atMost: 0.9}},
      relay.ratio,
      ...growth.ratios,
    ],
  });
} finally {
  await fleet.stop();
  removeAll();
}

/** Release folders are read-only. */
function removeAll(): void {
  spawnSync('sh', ['-c', '[ ! -e "$1" ] || chmod -R u+w "$1"; rm -rf "$1"', 'sh', work]);
}
