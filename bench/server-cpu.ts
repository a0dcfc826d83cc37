import {existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';

/** What a server and everything that it started have worked. */
export interface ServerCpu {
  /** Where the figure comes from, for the table. */
  readonly source: string;
  /** Seconds so far, read once nothing but the server itself is left; throws when something stays for a minute. */
  readS(): Promise<number>;
  /** To be called when the server has ended. */
  close(): Promise<void>;
}

const groups = '/sys/fs/cgroup';

/** Puts the server into a cgroup of its own where this machine has them and lets us, else asks /proc. */
export function meterServer(pid: number): ServerCpu {
  for (const [parent, file, pattern, perSecond] of [
    [path.join(groups, 'cpuacct'), 'cpuacct.usage', /^(\d+)/, 1e9],
    [groups, 'cpu.stat', /^usage_usec (\d+)/m, 1e6],
  ] as const) {
    const group = path.join(parent, `drover-bench-${process.pid}-${pid}`);
    try {
      if (!existsSync(path.join(parent, 'cgroup.procs'))) continue;
      mkdirSync(group);
      writeFileSync(path.join(group, 'cgroup.procs'), String(pid));
    } catch {
      continue;
    }
    return {
      source: 'in a cgroup of its own',
      readS: async () => {
        await awaitQuiet(() => readFileSync(path.join(group, 'cgroup.procs'), 'utf8').trim().split('\n').length <= 1);
        return Number(pattern.exec(readFileSync(path.join(group, file), 'utf8'))?.[1]) / perSecond;
      },
      close: () => awaitQuiet(() => removeGroup(group)),
    };
  }
  return {
    source: 'of the sshd and its ended children, from /proc; what outlives its connection is missing',
    readS: async () => {
      await awaitQuiet(() => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim() === '');
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const ticks = stat
        .slice(stat.lastIndexOf(')') + 2)
        .split(' ')
        .slice(11, 15)
        .map(Number);
      return ticks.reduce((sum, each) => sum + each, 0) / 100;
    },
    close: async () => undefined,
  };
}

/** False while something in it has not ended altogether. */
function removeGroup(group: string): boolean {
  try {
    rmdirSync(group);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EBUSY') return false;
    throw error;
  }
}

async function awaitQuiet(isQuiet: () => boolean): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    if (isQuiet()) return;
    await sleep(100);
  }
  throw new Error('something of the sshd is left a minute after everybody went');
}
