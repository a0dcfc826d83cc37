/** `npm run bench:fanout`: what one short command on many hosts costs, beside what others take for the same. */
import {mkdirSync, rmSync} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {finishBench, readBenchFlags, type Section, startBench} from './bench-report.js';
import {holdContest, relate} from './contest.js';
import {countRoundTrips, measureDelayed} from './fanout-delay.js';
import {measureDeploy} from './fanout-deploy.js';
import {countThroughOneDoor} from './fanout-endpoint.js';
import {growHosts} from './fanout-growth.js';
import {measureHeld} from './fanout-held.js';
import {atOnce, listRunners, versionOf} from './fanout-peers.js';
import {startLoopbackFleet} from './loopback-fleet.js';
import {listPeers} from './peers.js';
import type {Column} from './table.js';

const flags = readBenchFlags('fanout', process.argv.slice(2));
const {folder, machine} = startBench('fanout');
const say = (line: string): boolean => process.stderr.write(`${line}\n`);
const columns: readonly Column[] = [
  {key: 'name', title: 'program'},
  {key: 'wallS', title: 'wall s', digits: 2},
  {key: 'range', title: 'min–max'},
  {key: 'cpuS', title: 'client CPU s', digits: 2},
  {key: 'serverCpuS', title: 'server CPU s', digits: 2},
  {key: 'rssMb', title: 'peak MB'},
  {key: 'rounds', title: 'rounds'},
];
// A quick look is at fewer hosts: 400 of them take ansible two minutes a round.
const count = flags.quick ? 80 : 400;
const rounds = flags.quick ? 2 : 5;
/** Of who takes minutes for one, or is there for comparison only. */
const slowRounds = 1;
/** Who is also asked in circumstances of their own. */
const few = ['drover run', 'clush', ...(flags.quick ? [] : ['ansible raw'])];

const programs = ['clush', 'pdsh', 'parallel-ssh', 'xargs', 'ansible', 'taktuk', 'ssh'];
const peers = listPeers(programs.map((program) => [program, versionOf(program)]));
const work = path.join(folder, 'work');
rmSync(work, {recursive: true, force: true});
mkdirSync(work, {recursive: true});
const fleet = await startLoopbackFleet(path.join(work, 'fleet'));
try {
  const access = fleet.access(count);
  const rows = await holdContest(listRunners(work, access, {slowRounds}), {rounds, say, readServerCpuS: fleet.cpu.readS});
  const cores = os.availableParallelism();
  const serverCpuS = Math.min(...rows.map((row) => row.serverCpuS ?? Number.POSITIVE_INFINITY));
  const limit = {name: `limit: server work alone over ${cores} cores`, wallS: serverCpuS / cores, serverCpuS};
  const contest: Section = {
    title: `\`true\` on ${count} hosts, ${atOnce} at once, curve25519 on both sides`,
    columns,
    rows: [...rows, limit],
    note: `Medians; everybody once a round, in turn, those with fewer rounds in the first ones. The hosts are addresses of this machine behind one real sshd, so that clients and servers share its cores. Server CPU is counted ${fleet.cpu.source}; the limit is the least that anybody made of it, over the cores. Peak memory is that of the largest process.`,
  };
  const held = await measureHeld(work, access, flags.quick ? 5 : 20);
  const growth = await growHosts(work, fleet, {
    sizes: flags.quick ? [count, 400] : [100, 400, 2000],
    names: flags.quick ? ['drover run'] : ['drover run', 'clush'],
    say,
  });
  const delayed = await measureDelayed(work, fleet, {count, names: few, rounds: flags.quick ? 1 : 3, columns, say});
  const trips = await countRoundTrips(work, fleet, flags.quick ? 1 : 3);
  const stock = await measureStock();
  const door = await countThroughOneDoor(work, count);
  const deploy = await measureDeploy(work, {count, rounds: flags.quick ? 1 : 3, columns, say});
  const clush = rows.find(({name}) => name === 'clush');
  const own = rows.find(({name}) => name === 'drover run');
  finishBench({
    name: 'fanout',
    flags,
    machine,
    peers: [...peers.values()],
    sections: [contest, held.section, deploy.section, growth.section, delayed, trips.section, stock, door.section],
    ratios: [
      {name: 'wall/clush', value: relate(rows, 'drover run', 'clush'), aim: {atMost: 0.6}},
      {name: 'cpu/clush', value: relate(rows, 'drover run', 'clush', 'cpuS'), aim: {atMost: 0.2}},
      {name: 'wall/ansible-raw', value: relate(rows, 'drover run', 'ansible raw'), aim: {atMost: 0.28}},
      {name: 'wall/ansible-command', value: relate(rows, 'drover run', 'ansible command'), aim: {atMost: 0.1}},
      {name: 'wall/limit', value: own === undefined ? undefined : own.wallS / limit.wallS, aim: {atMost: 1.3}},
      {name: 'step/clush', value: clush === undefined ? undefined : held.wallS / clush.wallS, aim: {atMost: 0.1}},
      {name: 'deploy8/true', value: deploy.ratio, aim: {atMost: 2}},
      ...growth.ratios,
      {name: 'round-trips', value: trips.drover, aim: {atMost: 6}},
      {name: 'one-door-reached', value: door.reached, aim: {atLeast: 1}},
    ],
  });
} finally {
  await fleet.stop();
  rmSync(work, {recursive: true, force: true});
}

/** The same where nobody pinned anything: OpenSSH's clients then use a key exchange that drover does not have. */
async function measureStock(): Promise<Section> {
  const stockFleet = await startLoopbackFleet(path.join(work, 'stock'), {kex: 'stock'});
  try {
    const runners = listRunners(path.join(work, 'stock'), stockFleet.access(count), {slowRounds: 1});
    const rows = await holdContest(
      runners.filter(({name}) => few.includes(name)),
      {rounds: slowRounds, say, readServerCpuS: stockFleet.cpu.readS},
    );
    return {
      title: `The same with OpenSSH's default key exchange, ${count} hosts`,
      columns,
      rows,
      note: 'What one gets without configuring anything. OpenSSH from 8.5 on uses sntrup761x25519, which resists quantum computers and costs its client more; drover in process has curve25519 at best, so that this table compares two kinds of key exchange. It is no part of the ratios.',
    };
  } finally {
    await stockFleet.stop();
  }
}
