import {DroverError} from '../errors/drover-error.js';
import {startBalancer} from './balancer.js';
import {adminSocketPath, backendName} from './lab-files.js';
import {type LabHost, type LabHostOptions, locateHome, openLabHost} from './lab-host.js';
import type {KeyPair} from './lab-keys.js';
import {type AddressPlan, isEndpointUnavailable} from './lab-network.js';
import {startWebApp} from './web-app.js';

const checkIntervalMs = 100;

interface FleetOptions {
  readonly root: string;
  readonly user: string;
  readonly hosts: number;
  readonly silos: readonly string[];
  readonly balancerSilo: string;
  readonly missCostMs: number;
  readonly nowMs: () => number;
  readonly adminSocket: string;
  readonly clientKey: KeyPair;
  readonly plans: readonly AddressPlan[];
  readonly signal: AbortSignal;
}

/**
 * Opens the web hosts and `lb1`, on the first plan of addresses on which all of them can listen. Refuses when there is none, and then
 * leaves nothing running.
 */
export async function openFleet(options: FleetOptions): Promise<{plan: AddressPlan; fleet: LabHost[]}> {
  const {plans} = options;
  for (const plan of plans) {
    const fleet: LabHost[] = [];
    try {
      await openHosts(options, plan, fleet);
      return {plan, fleet};
    } catch (error) {
      await Promise.all(fleet.map((host) => host.stop()));
      if (!isEndpointUnavailable(error)) throw error;
    }
  }
  throw new DroverError({
    code: 'refused',
    message: `no free loopback addresses for the lab: tried ${plans[0]?.name} to ${plans.at(-1)?.name}`,
    fix: 'end other labs with: drover lab down',
  });
}

/** Opens the hosts into `fleet`, so that the caller can stop those that were opened when one fails. */
async function openHosts(
  {root, user, hosts, silos, balancerSilo, missCostMs, nowMs, adminSocket, clientKey, signal}: FleetOptions,
  plan: AddressPlan,
  fleet: LabHost[],
): Promise<void> {
  const open = async (name: string, rest: Pick<LabHostOptions, 'silo' | 'role' | 'sockets' | 'startService'>) => {
    signal.throwIfAborted();
    const index = fleet.length + 1;
    fleet.push(
      await openLabHost({...rest, name, dir: root, user, clientKey, ssh: plan.ssh(index), web: plan.web(index), webPort: plan.webPort}),
    );
  };
  for (let index = 0; index < hosts; index += 1) {
    const name = `web${index + 1}`;
    const silo = silos[Math.floor((index * silos.length) / hosts)] ?? '';
    const home = locateHome(root, name);
    await open(name, {
      silo,
      role: 'web',
      sockets: new Map(),
      startService: (endpoint) => startWebApp({endpoint, host: name, silo, home, missCostMs, nowMs}),
    });
  }
  const servers = fleet.map(({name, web}) => ({name, endpoint: web}));
  await open('lb1', {
    silo: balancerSilo,
    role: 'balancer',
    sockets: new Map([[adminSocketPath, adminSocket]]),
    startService: (endpoint) => startBalancer({endpoint, backend: backendName, servers, adminSocket, checkIntervalMs, nowMs}),
  });
}
