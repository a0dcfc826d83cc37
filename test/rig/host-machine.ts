import {access} from 'node:fs/promises';
import {setTimeout as sleep} from 'node:timers/promises';
import type {Finished, RunOptions} from './finished.js';
import {runChecked, runToEnd} from './finished.js';
import type {BalancerSoftware, RigHost} from './fleet.js';
import type {NamespaceProcess} from './namespace-process.js';
import {bootScript, startNamespaceProcess} from './namespace-process.js';

const readyDeadlineMs = 60_000;

/** What is below /run once a balancer listens. */
const balancerSigns: Readonly<Record<BalancerSoftware, readonly string[]>> = {
  haproxy: ['haproxy.pid', 'haproxy/admin.sock'],
  nginx: ['nginx/nginx.pid'],
  varnish: ['varnish/pid'],
};

/** What is below /run once everything but sshd listens. */
function listSigns({role, bare, software = 'haproxy'}: RigHost): readonly string[] {
  if (role === 'balancer') return balancerSigns[software];
  return bare ? [] : ['nginx.pid', 'app/app.pid'];
}

/** One host of the rig: its namespaces, and what can be done to it from outside. */
export interface HostMachine {
  readonly host: RigHost;
  /** Its first process, as the machine counts; changes with every boot. Throws while the host is off. */
  pid(): number;
  isOn(): boolean;
  /** Runs a command inside the host as root. */
  exec(argv: readonly string[], options?: RunOptions): Promise<Finished>;
  /** As `exec`, but anything but status 0 rejects. Returns standard output. */
  execChecked(argv: readonly string[], options?: RunOptions): Promise<string>;
  /** Switches the host on; resolves when its services listen. Its disk is what it was. */
  boot(): Promise<void>;
  /** Every process gone at once, and the cable with them; what was written stays, as no page cache is lost. */
  powerOff(): Promise<void>;
}

export function createHostMachine(options: {
  readonly host: RigHost;
  readonly runDirectory: string;
  readonly operatorPid: number;
}): HostMachine {
  const {host, runDirectory} = options;
  let first: NamespaceProcess | undefined;
  const pid = () => {
    if (!first?.isAlive()) throw new Error(`${host.name} is off; boot it first`);
    return first.pid;
  };
  const enter = (argv: readonly string[]) => {
    const binaries = host.userland === 'busybox' ? '/bin:/usr/sbin:/usr/bin' : '/usr/sbin:/usr/bin';
    return ['nsenter', '-t', String(pid()), '-m', '-u', '-n', '-p', '--', '/usr/bin/env', '-i', `PATH=${binaries}`, 'HOME=/root', ...argv];
  };
  const machine: HostMachine = {
    host,
    pid,
    isOn: () => first?.isAlive() ?? false,
    exec: (argv, request = {}) => runToEnd(enter(argv), {cwd: '/', ...request}),
    execChecked: (argv, request = {}) => runChecked(enter(argv), {cwd: '/', ...request}),
    boot: async () => {
      if (first?.isAlive()) return;
      const operator = String(options.operatorPid);
      const fresh = ['nsenter', '-t', operator, '-m', '--', 'unshare', '--net', 'sh', bootScript('plug.sh')];
      const argv = [...fresh, operator, runDirectory, host.name, host.address, process.execPath, host.userland];
      first = await startNamespaceProcess({argv, logFile: `${runDirectory}/${host.name}.log`, deadlineMs: readyDeadlineMs});
      const signs = ['sshd.pid', ...listSigns(host)];
      for (const sign of signs) await waitForFile({machine, path: `/run/${sign}`});
    },
    powerOff: async () => {
      await first?.kill();
      first = undefined;
    },
  };
  return machine;
}

/** Waits until a path exists inside the host; rejects when the host is off by then, or after 60 s. */
export async function waitForFile(options: {readonly machine: HostMachine; readonly path: string}): Promise<void> {
  const {machine} = options;
  for (let waitedMs = 0; waitedMs < readyDeadlineMs; waitedMs += 20) {
    try {
      return await access(`/proc/${machine.pid()}/root${options.path}`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    await sleep(20);
  }
  throw new Error(`${machine.host.name} has no ${options.path} after ${readyDeadlineMs} ms`);
}
