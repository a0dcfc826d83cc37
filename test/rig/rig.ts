import {randomBytes} from 'node:crypto';
import {rmSync} from 'node:fs';
import {mkdir, realpath, rm} from 'node:fs/promises';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {askBalancer, waitForRotation} from './balancer-socket.js';
import type {Finished, RunOptions} from './finished.js';
import type {FleetOptions, RigHost} from './fleet.js';
import {operatorAddress, planFleet} from './fleet.js';
import {makeKey, writeHostDirectory} from './host-directory.js';
import type {HostFaults} from './host-faults.js';
import {createHostFaults} from './host-faults.js';
import type {HostMachine} from './host-machine.js';
import {createHostMachine} from './host-machine.js';
import {writeInventory} from './inventory-text.js';
import {claimRunDirectory, clearLeftovers, endProcesses, killProcesses} from './leftovers.js';
import {bootScript, startNamespaceProcess} from './namespace-process.js';
import type {KnownHost, Operator} from './operator.js';
import {createOperator} from './operator.js';
import type {SiteOptions} from './site.js';
import {seedRelease} from './site.js';

export interface RigOptions extends FleetOptions {
  /** Where the hosts' disks are: memory (tmpfs) where left out, or the file system of `directory`. */
  readonly storage?: 'memory' | 'disk';
  /** Below which the rig keeps its files; the project's `.rig/run` where left out. */
  readonly directory?: string;
  /** How long the app takes for an answer that its cache does not hold; 0 where left out. */
  readonly originDelayMs?: number;
  /**
   * A release made by hand on every web host before anything is deployed; the rig is ready when every balancer has all hosts in
   * rotation. Where it is left out there is no release, and hosts answer 503.
   */
  readonly seed?: {readonly id: string; readonly site: SiteOptions};
}

/** A fleet of real servers inside this machine. */
export interface Rig extends HostFaults {
  readonly hosts: readonly RigHost[];
  /** Everything the rig writes; gone after `stop`. */
  readonly dir: string;
  /** `drv<pid>-<random>`: in the path of a mount of each process of the rig. */
  readonly id: string;
  readonly operator: Operator;
  /** Runs a command inside a host, as root and not through its sshd. */
  exec(host: string, argv: readonly string[], options?: RunOptions): Promise<Finished>;
  /** Path under which the host's root can be read from outside; changes when the host boots again. Absolute links lead outside. */
  hostRoot(host: string): string;
  /** Asks a balancer host's HAProxy on its admin socket, not through sshd; the answer to the end. */
  askBalancer(host: string, command: string): Promise<string>;
  /** inventory.yml of the fleet. */
  inventoryYaml(options?: {readonly link?: string; readonly connectTimeout?: string}): string;
  /** Ends every process of the rig and removes what it wrote. Safe to call twice. */
  stop(): Promise<void>;
}

const defaultDirectory = fileURLToPath(new URL('../../.rig/run', import.meta.url));

/**
 * Builds a fleet; resolves when every sshd, app, nginx and HAProxy listens. Needs root (see `rigAvailable`). What former rigs of dead
 * owners left is cleared first. The rig dies with this process, however that ends.
 */
export async function startRig(options: RigOptions): Promise<Rig> {
  const hosts = planFleet(options);
  const parent = options.directory ?? defaultDirectory;
  await mkdir(parent, {recursive: true});
  await clearLeftovers(await realpath(parent));
  const dir = claimRunDirectory({parent: await realpath(parent), random: randomBytes(4).toString('hex')});
  const id = path.basename(dir);
  const endNow = () => {
    killProcesses(id);
    rmSync(dir, {recursive: true, force: true, maxRetries: 5});
  };
  process.once('exit', endNow);
  const stop = async () => {
    await endProcesses(id);
    await rm(dir, {recursive: true, force: true, maxRetries: 10});
    process.off('exit', endNow);
  };
  try {
    return await build({options, hosts, dir, id, stop});
  } catch (error) {
    await stop();
    throw error;
  }
}

/** So many hosts start together; of more, each would take longer than it is waited for. */
const startsAtOnce = 32;

async function someAtOnce<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  const rest = items.entries();
  const lane = async (): Promise<void> => {
    for (const [index, item] of rest) results[index] = await work(item);
  };
  await Promise.all(Array.from({length: startsAtOnce}, lane));
  return results;
}

async function build(plan: {
  readonly options: RigOptions;
  readonly hosts: readonly RigHost[];
  readonly dir: string;
  readonly id: string;
  readonly stop: () => Promise<void>;
}): Promise<Rig> {
  const {options, hosts, dir} = plan;
  const argv = ['unshare', '--net', '--mount', '--propagation', 'private', 'sh', bootScript('operator.sh'), dir, operatorAddress];
  const [holder, operatorKey, known] = await Promise.all([
    startNamespaceProcess({argv: [...argv, options.storage ?? 'memory'], logFile: path.join(dir, 'operator.log'), deadlineMs: 30_000}),
    makeKey(path.join(dir, 'operator-key')),
    someAtOnce(hosts, async (host) => ({host, ...(await makeKey(path.join(dir, `${host.name}-key`)))})),
  ]);
  await someAtOnce(known, (each) =>
    writeHostDirectory({...each, dir, hosts, authorizedKey: operatorKey.publicKey, originDelayMs: options.originDelayMs ?? 0}),
  );
  const operator = await createOperator({
    runDirectory: dir,
    holder,
    hosts: known satisfies readonly KnownHost[],
    privateKey: operatorKey.privateKey,
  });
  const machines = new Map(hosts.map((host) => [host.name, createHostMachine({host, runDirectory: dir, operatorPid: holder.pid})]));
  await someAtOnce([...machines.values()], (machine) => machine.boot());
  const {seed} = options;
  const machinesOf = (role: RigHost['role']) => [...machines.values()].filter((machine) => machine.host.role === role);
  const webs = machinesOf('web');
  if (seed) await Promise.all(webs.map((machine) => seedRelease({machine, ...seed})));
  const haproxies = machinesOf('balancer').filter(({host}) => host.software === 'haproxy');
  if (seed) await Promise.all(haproxies.map((machine) => waitForRotation({machine, servers: webs.length})));

  const find = (host: string): HostMachine => {
    const machine = machines.get(host);
    if (!machine) throw new Error(`this rig has no host ${host}; it has ${[...machines.keys()].join(' ')}`);
    return machine;
  };
  return {
    ...createHostFaults({find, operatorPid: holder.pid}),
    hosts,
    dir,
    id: plan.id,
    operator,
    exec: (host, command, request) => find(host).exec(command, request),
    hostRoot: (host) => `/proc/${find(host).pid()}/root`,
    askBalancer: (host, command) => askBalancer({machine: find(host), command}),
    inventoryYaml: (request = {}) => writeInventory({hosts, ...request}),
    stop: plan.stop,
  };
}
