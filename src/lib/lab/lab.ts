import {mkdir, stat} from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import {performance} from 'node:perf_hooks';
import {DroverError} from '../errors/drover-error.js';
import {writeContent} from './lab-content.js';
import {writeLabFiles} from './lab-files.js';
import {openFleet} from './lab-fleet.js';
import {type LabHost, locateHome} from './lab-host.js';
import {obtainKeyPair} from './lab-keys.js';
import {type AddressPlan, listAddressPlans, maxHosts} from './lab-network.js';

export interface LabOptions {
  /** Everything the fleet has lives in this folder; made if it is missing. */
  readonly dir: string;
  /** Web hosts, 1..249; 6 by default. The balancer host comes on top. */
  readonly hosts?: number;
  /** Silos that share the web hosts evenly, in order; `eu` and `us` by default. */
  readonly silos?: readonly string[];
  /** What a page costs that is not in a host's cache; 30 by default. */
  readonly missCostMs?: number;
  /** Milliseconds of a clock that never goes back. */
  readonly nowMs?: () => number;
  /** Addresses to try, in this order. */
  readonly plans?: readonly AddressPlan[];
  /** Gives up starting. A started lab is ended with `stop`. */
  readonly signal: AbortSignal;
}

/** A running practice fleet. */
export interface Lab {
  readonly dir: string;
  readonly inventoryPath: string;
  readonly projectPath: string;
  /** The site as its visitors see it. */
  readonly balancerUrl: string;
  /** Web hosts first, then the balancer host `lb1`. */
  readonly hosts: readonly LabHost[];
  /** Ends everything that was started, processes on the hosts included; files stay. Safe to call twice. */
  stop(): Promise<void>;
}

const user = 'deploy';
/** Of its own: it stands before the silos. */
const balancerSilo = 'edge';
/** sun_path of Linux is 108 bytes, that of BSD and macOS 104, the final zero included. */
const maxSocketPathBytes = 103;

/**
 * Starts N web hosts and the balancer `lb1` inside this process, on loopback addresses alone. Refuses when a lab runs in
 * `dir` already, when the path is too long for a Unix socket, and when no network of loopback addresses is free.
 */
export async function startLab({
  dir,
  hosts = 6,
  silos = ['eu', 'us'],
  missCostMs = 30,
  nowMs = () => performance.now(),
  plans = listAddressPlans(),
  signal,
}: LabOptions): Promise<Lab> {
  const root = path.resolve(dir);
  const adminSocket = path.join(locateHome(root, 'lb1'), 'run', 'admin.sock');
  refuseBadShape(hosts, silos);
  await refuseBadFolder(root, adminSocket);
  await mkdir(root, {recursive: true, mode: 0o700});
  const clientKey = await obtainKeyPair({file: path.join(root, 'ssh', 'id_ed25519'), comment: 'drover-lab'});
  await writeFirstContent(path.join(root, 'content'));

  const {plan, fleet} = await openFleet({root, user, hosts, silos, balancerSilo, missCostMs, nowMs, adminSocket, clientKey, plans, signal});
  const stop = async () => {
    await Promise.all(fleet.map((host) => host.stop()));
  };
  try {
    const files = await writeLabFiles({dir: root, user, hosts: fleet, webPort: plan.webPort});
    const balancer = fleet.at(-1)?.web;
    return {dir: root, ...files, balancerUrl: `http://${balancer?.address}:${balancer?.port}`, hosts: fleet, stop};
  } catch (error) {
    await stop();
    throw error;
  }
}

function refuseBadShape(hosts: number, silos: readonly string[]): void {
  const most = maxHosts - 1;
  if (!Number.isInteger(hosts) || hosts < 1 || hosts > most) {
    throw new DroverError({code: 'usage', message: `a lab has 1 to ${most} web hosts, got ${hosts}`, fix: `choose a number up to ${most}`});
  }
  const bad = silos.find((silo) => !/^[a-z][a-z0-9-]*$/.test(silo) || silo === balancerSilo);
  if (silos.length === 0 || silos.length > hosts || new Set(silos).size < silos.length || bad !== undefined) {
    throw new DroverError({
      code: 'usage',
      message: `silos ${JSON.stringify(silos)} do not fit ${hosts} hosts`,
      fix: `name 1 to ${hosts} different silos in lower case letters, none "${balancerSilo}"`,
    });
  }
}

async function refuseBadFolder(root: string, adminSocket: string): Promise<void> {
  if (Buffer.byteLength(adminSocket) > maxSocketPathBytes) {
    throw new DroverError({
      code: 'usage',
      message: `the path of the lab is too long for a Unix socket: ${adminSocket}`,
      fix: 'choose a shorter folder',
    });
  }
  if (await isAnswering(adminSocket)) {
    throw new DroverError({code: 'refused', message: `a lab runs already in ${root}`, fix: 'drover lab down, or choose another folder'});
  }
}

function isAnswering(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({path: socketPath});
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

const firstPages = 60;

async function writeFirstContent(dir: string): Promise<void> {
  const isThere = await stat(dir).then(
    () => true,
    () => false,
  );
  if (!isThere) await writeContent(dir, {version: 1, pages: firstPages});
}
