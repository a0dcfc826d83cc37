import type {Crew} from './crew.js';
import {locate} from './crew.js';
import {freeChannel, leavePaused, pauseWorker, resumeWorker} from './pause-worker.js';
import {findWork, type Worker} from './worker-role.js';

/** The worker of a host whose role pauses one; undefined on hosts that balancers drain, and where nothing served before the run. */
function findWorker(crew: Crew, name: string): Worker | undefined {
  const {host, planned} = locate(crew, name);
  const found = findWork(crew.app, host);
  const fence = crew.fences.get(name);
  return found === undefined || fence === undefined || planned.from === undefined ? undefined : {host, fence, ...found};
}

/** As a balancer's `drain`, for a host that no balancer knows. */
export async function drainWorker(crew: Crew, name: string): Promise<{readonly detail?: string}> {
  const worker = findWorker(crew, name);
  return worker === undefined ? {} : pauseWorker(crew, worker);
}

/** As a balancer's `admit`. */
export async function admitWorker(crew: Crew, name: string): Promise<void> {
  const worker = findWorker(crew, name);
  if (worker !== undefined) await resumeWorker(crew, worker);
}

/** The host gives its lease back, whatever has become of it. */
export async function leaveWorker(crew: Crew, name: string): Promise<void> {
  const worker = findWorker(crew, name);
  if (worker !== undefined) await leavePaused(crew, worker);
}

/** The host goes no further for now, and may be dead. */
export async function freeWorker(crew: Crew, name: string): Promise<void> {
  const worker = findWorker(crew, name);
  if (worker === undefined) return;
  try {
    await freeChannel(crew, worker);
  } catch (error) {
    if (!crew.world.signal.aborted) throw error;
  }
}
