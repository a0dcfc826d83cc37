/** What a balancer host runs. */
export type BalancerSoftware = 'haproxy' | 'nginx' | 'varnish';

export type LoginShell = 'bash' | 'dash' | 'fish' | 'tcsh' | 'sh';

/** What one host of the rig is like. */
export interface RigHost {
  /** `web1`…, `lb1`…: also its hostname, and its server name in HAProxy. */
  readonly name: string;
  /** IPv4, inside the rig only. */
  readonly address: string;
  readonly silo: string;
  readonly role: 'web' | 'balancer';
  /** Of a balancer. */
  readonly software?: BalancerSoftware;
  /** Login shell of the user `deploy`. */
  readonly shell: LoginShell;
  /** `busybox`: /bin holds BusyBox and nothing else, /bin/sh is its ash, and PATH is /bin. */
  readonly userland: 'gnu' | 'busybox';
  /** The login shell's rc file prints colours, a forged frame, and no newline at the end. */
  readonly rcNoise: boolean;
  /** Of a web host: it runs sshd and nothing else. */
  readonly bare?: boolean;
  /** Of a web host: role `socket` in the inventory, and in a backend of its own that takes the WebSockets. */
  readonly takesSockets?: boolean;
}

export interface FleetOptions {
  /** Web hosts, 1..1000. */
  readonly hosts: number;
  /** Web hosts run sshd and nothing else: several hundred of them then fit into one machine. */
  readonly bare?: boolean;
  /** Balancer hosts, 0..40; each one balances all web hosts. */
  readonly balancers?: number;
  /** What they run; HAProxy where left out. */
  readonly software?: BalancerSoftware;
  /** Web hosts are split evenly, in order; `eu` and `us` where it is left out. */
  readonly silos?: readonly string[];
  /** What differs from a GNU host with bash and a quiet rc file, by host name. */
  readonly perHost?: Readonly<Record<string, Partial<Pick<RigHost, 'shell' | 'userland' | 'rcNoise' | 'silo' | 'takesSockets'>>>>;
}

export const operatorAddress = '10.77.0.1';

/** The first 180 are in the network of the operator and the balancers, the others in those behind it. */
function addressOfWeb(index: number): string {
  return index < 180 ? `10.77.0.${11 + index}` : `10.77.${1 + Math.floor((index - 180) / 250)}.${1 + ((index - 180) % 250)}`;
}

/** Names and addresses of a fleet: `web1`… at 10.77.0.11…, `lb1`… at 10.77.0.201…. Throws on a name in `perHost` that no host has. */
export function planFleet(options: FleetOptions): readonly RigHost[] {
  const balancers = options.balancers ?? 0;
  const silos = options.silos ?? ['eu', 'us'];
  if (options.hosts < 1 || options.hosts > 1000 || balancers > 40)
    throw new Error(`no rig of ${options.hosts} hosts and ${balancers} balancers`);
  const plain = {shell: 'bash', userland: 'gnu', rcNoise: false} as const;
  const bare = options.bare === true ? {bare: true} : {};
  const fleet: RigHost[] = [];
  for (let index = 0; index < options.hosts; index++) {
    const name = `web${index + 1}`;
    const silo = silos[Math.floor((index * silos.length) / options.hosts)] ?? 'eu';
    fleet.push({...plain, ...bare, name, address: addressOfWeb(index), silo, role: 'web', ...options.perHost?.[name]});
  }
  for (let index = 0; index < balancers; index++) {
    const name = `lb${index + 1}`;
    const silo = silos[index % silos.length] ?? 'eu';
    fleet.push({
      ...plain,
      name,
      address: `10.77.0.${201 + index}`,
      silo,
      role: 'balancer',
      software: options.software ?? 'haproxy',
      ...options.perHost?.[name],
    });
  }
  const stranger = Object.keys(options.perHost ?? {}).find((name) => !fleet.some((host) => host.name === name));
  if (stranger !== undefined) throw new Error(`perHost names ${stranger}, which is no host of this rig`);
  return fleet;
}

/** The four login shells, BusyBox, and noisy rc files, spread over a fleet of eight web hosts and two balancers. */
export const mixedHosts: NonNullable<FleetOptions['perHost']> = {
  web1: {shell: 'bash', rcNoise: true},
  web2: {shell: 'dash'},
  web3: {shell: 'fish', rcNoise: true},
  web4: {shell: 'tcsh', rcNoise: true},
  web5: {shell: 'sh', userland: 'busybox'},
  web6: {shell: 'bash', userland: 'busybox', rcNoise: true},
  web7: {shell: 'fish'},
  web8: {shell: 'tcsh'},
};
