/** `npm run bench:event-loop`: how long the one thread is busy in one piece before the hosts of a run are connected to. */
import {createHmac, randomBytes} from 'node:crypto';
import {mkdirSync, rmSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {monitorEventLoopDelay} from 'node:perf_hooks';
import {KnownHosts} from '../src/lib/host/known-hosts.js';
import {SshResolver} from '../src/lib/host/ssh-resolver.js';
import type {Host, HostName, SiloName} from '../src/lib/inventory/host.js';
import {loadInventory} from '../src/lib/inventory/inventory-file.js';
import {finishBench, readBenchFlags, startBench} from './bench-report.js';

const lineCount = 10_000;
const {signal} = new AbortController();

interface BusyRow {
  readonly name: string;
  readonly wallS: number;
  readonly cpuS: number;
  /** The longest stretch without a turn, in CPU time: what others do on the machine does not count. */
  readonly turnMs: number;
  readonly lateMs: number;
}

function usedMs(): number {
  const {user, system} = process.cpuUsage();
  return (user + system) / 1000;
}

async function watch(name: string, work: () => Promise<unknown>): Promise<BusyRow> {
  const late = monitorEventLoopDelay({resolution: 1});
  late.enable();
  const [startMs, startCpuMs] = [performance.now(), usedMs()];
  let [turnMs, lastMs, over] = [0, startCpuMs, false];
  const turn = (): void => {
    const nowMs = usedMs();
    turnMs = Math.max(turnMs, nowMs - lastMs);
    lastMs = nowMs;
    if (!over) setImmediate(turn);
  };
  setImmediate(turn);
  await work();
  over = true;
  turn();
  late.disable();
  const lateMs = late.max / 1e6;
  return {name, wallS: (performance.now() - startMs) / 1000, cpuS: (usedMs() - startCpuMs) / 1000, turnMs, lateMs};
}

function hash(name: string): string {
  const salt = randomBytes(20);
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
}

const flags = readBenchFlags('event-loop', process.argv.slice(2));
const {folder, machine} = startBench('event-loop');
const work = path.join(folder, 'work');
try {
  mkdirSync(work, {recursive: true});
  const hosts = Array.from({length: 400}, (_, index): Host => {
    const name = `web${index + 1}.example.com` as HostName;
    return {name, silo: 'eu' as SiloName, roles: [], ssh: {link: 'auto', connectTimeoutMs: 10_000}};
  });
  const names = Array.from({length: lineCount}, (_, index) => hosts[index]?.name ?? `other${index}.example.com`);
  const writeKnown = (file: string, write: (name: string) => string): string => {
    const place = path.join(work, file);
    writeFileSync(place, names.map((name) => `${write(name)} ssh-ed25519 ${randomBytes(51).toString('base64')}\n`).join(''));
    return place;
  };
  const lookUp = async (file: string): Promise<void> => {
    const knownHosts = new KnownHosts();
    await Promise.all(hosts.map((host) => knownHosts.lookUp(host.name, [file])));
  };
  const inventory = path.join(work, 'inventory.yml');
  writeFileSync(inventory, `hosts:\n${hosts.map(({name}) => `  ${name}: {silo: eu, role: web}\n`).join('')}`);
  const plain = writeKnown('plain', (name) => name);
  const hashed = writeKnown('hashed', hash);
  const rows = [
    await watch('the inventory, before any connection', () => loadInventory(inventory, {signal})),
    await watch('ssh -G', async () => {
      const resolver = new SshResolver(process.env);
      await Promise.all(hosts.map((host) => resolver.resolve(host, signal)));
    }),
    await watch(`known_hosts, ${lineCount} plain lines`, () => lookUp(plain)),
    await watch(`known_hosts, ${lineCount} hashed lines`, () => lookUp(hashed)),
  ];
  finishBench({
    name: 'event-loop',
    flags,
    machine,
    peers: [`node ${process.versions.node}`],
    sections: [
      {
        title: `${hosts.length} hosts`,
        columns: [
          {key: 'name', title: 'work'},
          {key: 'wallS', title: 'wall s', digits: 3},
          {key: 'cpuS', title: 'CPU s', digits: 2},
          {key: 'turnMs', title: 'longest turn, CPU ms'},
          {key: 'lateMs', title: 'latest timer, ms'},
        ],
        rows,
        note: 'A turn is what runs before any other host is served. Timers are late on a busy machine too.',
      },
    ],
    ratios: [{name: 'known-hosts-turn-ms', value: Math.max(...rows.slice(2).map((row) => row.turnMs)), aim: {atMost: 50}}],
  });
} finally {
  rmSync(work, {recursive: true, force: true});
}
