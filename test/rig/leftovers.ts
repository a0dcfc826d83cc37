import {mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';

const idPattern = /^drv(\d+)-[0-9a-f]{8}$/;

/**
 * Makes the directory of a new rig: `drv<pid of the owner>-<random>`. A process belongs to a rig exactly when one of its mounts has
 * that name in its path, which no process outside the rig's own mount namespaces can have.
 */
export function claimRunDirectory(options: {readonly parent: string; readonly random: string}): string {
  const directory = path.join(options.parent, `drv${process.pid}-${options.random}`);
  mkdirSync(options.parent, {recursive: true});
  mkdirSync(directory, {mode: 0o755});
  writeFileSync(path.join(directory, 'owner'), startTimeOf(process.pid) ?? '');
  return directory;
}

/** Ends and removes every rig below `parent` whose owner lives no more. Returns their ids. */
export async function clearLeftovers(parent: string): Promise<readonly string[]> {
  const cleared: string[] = [];
  for (const id of listDirectories(parent)) {
    if (isOwned(path.join(parent, id))) continue;
    await endProcesses(id);
    rmSync(path.join(parent, id), {recursive: true, force: true, maxRetries: 5});
    cleared.push(id);
  }
  return cleared;
}

/** The processes of the rig with this id, host processes and operator commands alike. */
export function listProcesses(id: string): readonly number[] {
  const found: number[] = [];
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    if (readProcFile(`/proc/${pid}/mountinfo`)?.includes(`/${id}/`)) found.push(pid);
  }
  return found;
}

/** Kills until none is left; throws with their pids when 10 s were not enough. */
export async function endProcesses(id: string): Promise<void> {
  for (let round = 0; round < 500; round++) {
    if (killProcesses(id) === 0) return;
    await sleep(20);
  }
  throw new Error(`processes of rig ${id} do not die: ${listProcesses(id).join(' ')}`);
}

/** One round of SIGKILL; returns how many it went to. For the moment in which the owner exits and can wait no longer. */
export function killProcesses(id: string): number {
  const pids = listProcesses(id);
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
  return pids.length;
}

function listDirectories(parent: string): readonly string[] {
  try {
    return readdirSync(parent).filter((name) => idPattern.test(name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** A pid alone may have been given to another process since; with its start time it is one process for ever. */
function isOwned(directory: string): boolean {
  const pid = Number(idPattern.exec(path.basename(directory))?.[1]);
  const owner = readProcFile(path.join(directory, 'owner'));
  if (owner === undefined) return Date.now() - (statSync(directory, {throwIfNoEntry: false})?.mtimeMs ?? Date.now()) < 60_000;
  return startTimeOf(pid) === owner;
}

function startTimeOf(pid: number): string | undefined {
  const stat = readProcFile(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

function readProcFile(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
