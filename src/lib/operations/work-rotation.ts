import {DroverError} from '../errors/drover-error.js';
import type {App} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import type {Rotation} from '../traffic/balancer.js';
import {findChannel} from '../traffic/nsq-channel.js';
import {isOutOfReach} from '../traffic/out-of-reach.js';
import {useHost, useLink} from './on-host.js';
import {findWork} from './worker-role.js';
import type {World} from './world.js';

/** Workers by their own word: one that a run has paused, and nobody resumed, is out. Nobody counts what is in flight here. */
export async function readWorkers(world: World, app: App, hosts: readonly Host[]): Promise<readonly Rotation[]> {
  return Promise.all(
    hosts.map(async (host): Promise<Rotation> => {
      try {
        const {pausedBy} = await useHost(world, host, app, (on) => on.readState());
        return {host, state: pausedBy === undefined ? 'in' : 'out', sessions: 0};
      } catch (error) {
        if (!isOutOfReach(error)) throw error;
        return {host, state: 'down', sessions: 0};
      }
    }),
  );
}

/** Proves that every NSQ channel can be found from each worker that consumes it. Hosts out of reach are named by the run itself. */
export async function preflightWorkers(world: World, app: App, hosts: readonly Host[]): Promise<readonly string[]> {
  const problems = await Promise.all(
    hosts.map(async (host): Promise<readonly string[]> => {
      const intake = findWork(app, host)?.work.intake;
      if (intake?.kind !== 'nsq') return [];
      let isReached = false;
      try {
        await useLink(world, host, (link) => {
          isReached = true;
          return findChannel({link, intake, signal: world.signal});
        });
        return [];
      } catch (error) {
        if (!(error instanceof DroverError)) throw error;
        return isReached ? [error.message] : [];
      }
    }),
  );
  return [...new Set(problems.flat())];
}
