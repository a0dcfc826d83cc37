import {setTimeout as sleep} from 'node:timers/promises';
import {VerbError} from '../host/verb-call.js';
import {type Crew, leaseSeconds} from './crew.js';
import {describeError, useHost} from './on-host.js';

const renewEveryMs = 20_000;

/** Renews every lease that the run holds, until stopped; `onLost` is told of one that another run has. A lease that cannot be renewed is a warning: the epoch is what protects the host. */
export function keepLeases(crew: Crew, onLost: (host: string, why: string) => void): {stop(): Promise<void>} {
  const {world, app, fences, hosts} = crew;
  const stopping = new AbortController();
  const signal = AbortSignal.any([stopping.signal, world.signal]);
  const renewAll = async (): Promise<void> => {
    await Promise.all(
      [...fences].map(async ([name, fence]) => {
        const host = hosts.get(name);
        if (host === undefined) return;
        try {
          await useHost(world, host, app, (on) => on.renew(fence, leaseSeconds));
        } catch (error) {
          if (signal.aborted || !fences.has(name)) return;
          if (!(error instanceof VerbError)) return;
          if (error.failure === 'fenced') onLost(name, error.message);
          await world.emit({kind: 'warning', host: name, message: `the lease could not be renewed: ${describeError(error)}`});
        }
      }),
    );
  };
  const beating = (async () => {
    while (!signal.aborted) {
      try {
        await sleep(renewEveryMs, undefined, {signal});
      } catch {
        return;
      }
      await renewAll();
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await beating;
    },
  };
}
