import {runChecked} from './finished.js';
import type {HostMachine} from './host-machine.js';
import {waitForFile} from './host-machine.js';

/** What can go wrong with a host, done to it from outside; `restore` undoes all of it. */
export interface HostFaults {
  /** No new connections: refused. Sessions that are open stay, or are cut too. */
  stopSshd(host: string, options?: {readonly sessions: 'keep' | 'cut'}): Promise<void>;
  startSshd(host: string): Promise<void>;
  /** Port 22 says it is OpenSSH and then nothing more. */
  hangAfterBanner(host: string): Promise<void>;
  /** Stops every process of the host but the first with SIGSTOP: connections open and stall. */
  freeze(host: string): Promise<void>;
  thaw(host: string): Promise<void>;
  /** Pulls the network cable: packets vanish. */
  unplug(host: string): Promise<void>;
  plugIn(host: string): Promise<void>;
  /** A line of so many kbit/s in each direction, with a queue that holds what comes too fast; stays until the host is off. */
  slowDown(host: string, kbits: number): Promise<void>;
  /** All processes gone at once. */
  powerOff(host: string): Promise<void>;
  /** Power off, if it is on, and on again: same disk, new boot id. */
  reboot(host: string): Promise<void>;
  /** Back to a host that is on, plugged in, thawed, with its real sshd. Changes nothing on one that is. */
  restore(host: string): Promise<void>;
}

export function createHostFaults(options: {readonly find: (host: string) => HostMachine; readonly operatorPid: number}): HostFaults {
  const {find} = options;
  const setPort = (host: string, state: 'up' | 'down') =>
    runChecked(['nsenter', '-t', String(options.operatorPid), '-n', 'ip', 'link', 'set', 'dev', `p-${find(host).host.name}`, state]);

  const faults: HostFaults = {
    stopSshd: async (host, request) => {
      await endListener(find(host), '/run/sshd.pid');
      if (request?.sessions === 'cut') await find(host).exec(['pkill', '-KILL', '-x', 'sshd']);
    },
    startSshd: async (host) => {
      const machine = find(host);
      if (await isListening(machine, '/run/sshd.pid')) return;
      await machine.execChecked(['rm', '-f', '/run/sshd.pid']);
      await machine.execChecked(['/usr/sbin/sshd', '-E', '/var/log/sshd.log']);
      await waitForFile({machine, path: '/run/sshd.pid'});
    },
    hangAfterBanner: async (host) => {
      const machine = find(host);
      await endListener(machine, '/run/sshd.pid');
      await machine.execChecked(['sh', '-c', '/opt/rig/node /opt/rig/hang.mjs </dev/null >>/var/log/hang.log 2>&1 &']);
      await waitForFile({machine, path: '/run/hang.pid'});
    },
    // kill -1 reaches every process of the PID namespace but the first and the one that asks.
    freeze: async (host) => void (await find(host).exec(['/usr/bin/kill', '-STOP', '--', '-1'])),
    thaw: async (host) => void (await find(host).exec(['/usr/bin/kill', '-CONT', '--', '-1'])),
    unplug: async (host) => void (await setPort(host, 'down')),
    plugIn: async (host) => void (await setPort(host, 'up')),
    slowDown: async (host, kbits) => {
      const shape = (device: string) => [
        'tc',
        'qdisc',
        'replace',
        'dev',
        device,
        'root',
        'tbf',
        'rate',
        `${kbits}kbit`,
        'burst',
        '2kb',
        'limit',
        '1mb',
      ];
      await runChecked(['nsenter', '-t', String(options.operatorPid), '-n', ...shape(`p-${find(host).host.name}`)]);
      await runChecked(['nsenter', '-t', String(find(host).pid()), '-n', ...shape('eth0')]);
    },
    powerOff: (host) => find(host).powerOff(),
    reboot: async (host) => {
      await find(host).powerOff();
      await find(host).boot();
    },
    restore: async (host) => {
      const machine = find(host);
      if (!machine.isOn()) return machine.boot();
      await faults.thaw(host);
      await faults.plugIn(host);
      await endListener(machine, '/run/hang.pid');
      await faults.startSshd(host);
    },
  };
  return faults;
}

/** Ends the process whose pid is in the file, and removes the file; nothing where there is no such file. */
async function endListener(machine: HostMachine, pidFile: string): Promise<void> {
  const script = `pid=$(cat "$1" 2>/dev/null) || exit 0; kill -KILL "$pid" 2>/dev/null; rm -f "$1"
while kill -0 "$pid" 2>/dev/null; do /usr/bin/sleep 0.02; done`;
  await machine.execChecked(['/usr/bin/dash', '-c', script, 'end-listener', pidFile], {timeoutMs: 20_000});
}

async function isListening(machine: HostMachine, pidFile: string): Promise<boolean> {
  const ended = await machine.exec(['/usr/bin/dash', '-c', 'kill -0 "$(cat "$1")"', 'is-listening', pidFile]);
  return ended.status === 0;
}
