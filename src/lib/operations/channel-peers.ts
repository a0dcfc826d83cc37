import {DroverError} from '../errors/drover-error.js';
import type {App, Intake} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import type {Crew} from './crew.js';
import {useHost} from './on-host.js';
import {hostsOfApp} from './plan-rollout.js';
import {findWork} from './worker-role.js';

/** A run that is not ours, alive, and keeps a worker of the channel paused. */
export interface OtherRun {
  readonly run: string;
  readonly at: Host;
}

/**
 * Other runs that keep a channel paused, by the notes on the hosts: of this app that are not ours, and of other apps of the project. A note counts while its run has
 * the lease of the host and has not said that it is about to open. A host that does not answer has no say: its keeper, or the next run, opens for it.
 */
export async function findOtherRuns(crew: Crew, intake: Extract<Intake, {kind: 'nsq'}>): Promise<readonly OtherRun[]> {
  const {world, fences, plan} = crew;
  const found = await Promise.all(
    listPeers(crew, intake).map(async ({app, host}): Promise<readonly OtherRun[]> => {
      if (app.name === crew.app.name && fences.has(host.name)) return [];
      try {
        const {pausedBy, isPauseEnding, lease} = await useHost(world, host, app, (on) => on.readState());
        const isAlive = lease !== undefined && lease.run === pausedBy && lease.leftSeconds > 0;
        return pausedBy === undefined || pausedBy === plan.run || isPauseEnding || !isAlive ? [] : [{run: pausedBy, at: host}];
      } catch (error) {
        if (!(error instanceof DroverError) || world.signal.aborted) throw error;
        return [];
      }
    }),
  );
  return found.flat();
}

/** Every worker of the project that takes its work from the same channel. */
function listPeers({world}: Crew, {topic, channel}: Extract<Intake, {kind: 'nsq'}>): readonly {readonly app: App; readonly host: Host}[] {
  return [...world.project.apps.values()].flatMap((app) =>
    hostsOfApp(world.inventory, app).flatMap((host) => {
      const intake = findWork(app, host)?.work.intake;
      return intake?.kind === 'nsq' && intake.topic === topic && intake.channel === channel ? [{app, host}] : [];
    }),
  );
}
