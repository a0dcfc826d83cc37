import {type ChildProcessWithoutNullStreams, spawn} from 'node:child_process';
import {readdir, readFile} from 'node:fs/promises';
import {setTimeout as sleep} from 'node:timers/promises';

/** The processes that one lab host runs. */
export interface HostProcesses {
  /** `/bin/sh -c command` in a process group of its own, in the host's home, with the host's environment and no other. */
  start(command: string): ChildProcessWithoutNullStreams;
  /** Ends every process the host has started, those that went to the background included. Never throws. */
  endAll(): Promise<void>;
}

interface HostProcessesOptions {
  readonly home: string;
  readonly user: string;
  /** Address at which programs on this host find its web port. */
  readonly address: string;
  /** Unique to this host of this lab: it marks the host's processes in their environment. */
  readonly mark: string;
}

const graceMs = 500;

export function openHostProcesses({home, user, address, mark}: HostProcessesOptions): HostProcesses {
  const groups = new Set<number>();
  const env = {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: home,
    USER: user,
    LOGNAME: user,
    SHELL: '/bin/sh',
    LANG: 'C',
    DROVER_LOCAL_ADDRESS: address,
    DROVER_LAB_MARK: mark,
  };

  const start = (command: string) => {
    const child = spawn('/bin/sh', ['-c', command], {cwd: home, env, detached: true, stdio: 'pipe'});
    const {pid} = child;
    if (pid !== undefined) {
      groups.add(pid);
      child.once('exit', () => groups.delete(pid));
    }
    return child;
  };

  const signalAll = async (signal: NodeJS.Signals): Promise<number> => {
    const marked = await findMarkedProcesses(mark);
    for (const group of groups) kill(-group, signal);
    for (const pid of marked) kill(pid, signal);
    return groups.size + marked.length;
  };

  return {
    start,
    async endAll() {
      for (let waitedMs = 0; waitedMs < graceMs; waitedMs += 25) {
        if ((await signalAll('SIGTERM')) === 0) return;
        await sleep(25);
      }
      await signalAll('SIGKILL');
    },
  };
}

/** Processes that left their group (setsid, daemons) still carry the mark. Without /proc (not Linux) there is no such list. */
async function findMarkedProcesses(mark: string): Promise<number[]> {
  const pids = await readdir('/proc').then(
    (names) => names.filter((name) => /^\d+$/.test(name)),
    () => [],
  );
  const found = await Promise.all(
    pids.map(async (pid) => {
      const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
      return environment.split('\0').includes(`DROVER_LAB_MARK=${mark}`) ? [Number(pid)] : [];
    }),
  );
  return found.flat();
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
