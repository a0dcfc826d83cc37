import {DroverError} from '../errors/drover-error.js';
import type {Drain} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';

/** A host whose sessions have not ended by the deadline is given up, under `abort` and `wait`. */
export function refuseLeftovers(
  {host, drain}: {readonly host: Host; readonly drain: Pick<Drain, 'waitMs' | 'then' | 'longestMs'>},
  left: number,
): DroverError {
  const {waitMs, then, longestMs = waitMs} = drain;
  const waitedMs = then === 'wait' ? longestMs : waitMs;
  return new DroverError({
    code: 'refused',
    host: host.name,
    message: `${host.name} still has ${left} open ${left === 1 ? 'session' : 'sessions'} after ${waitedMs / 1000} s, and drain.then is "${then}"`,
    fix: `raise drain.${then === 'wait' ? 'longest' : 'wait'}, or set drain.then to close`,
  });
}
