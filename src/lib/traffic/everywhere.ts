import {DroverError, type Problem} from '../errors/drover-error.js';
import type {Drain} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import type {Warn} from './balancer.js';
import {refuseLeftovers} from './leftovers.js';
import type {Pause} from './pause.js';

/** One host at one balancer, for balancers that are told and then watched. */
export interface Place {
  /** Where that is, for messages: `nginx on lb1`. */
  readonly name: string;
  look(signal: AbortSignal): Promise<Sight>;
  /** No new request goes to the host when this returns. */
  takeOut(signal: AbortSignal): Promise<void>;
  putBack(signal: AbortSignal): Promise<void>;
}

export interface Sight {
  /** `moving`: told, but not in force. */
  readonly order: 'in' | 'out' | 'moving';
  /** False where the balancer knows that the host takes no requests, also when nobody took it out. */
  readonly isServing: boolean;
  /** Other servers that take requests there. */
  readonly others: number;
  /** Open sessions with the host; undefined where they cannot be counted. */
  readonly sessions: number | undefined;
  /** Nothing is left there that could still send it a request. */
  readonly isOver: boolean;
}

export interface DrainTask {
  readonly host: Host;
  /** At least one. */
  readonly places: readonly Place[];
  readonly drain: Pick<Drain, 'waitMs' | 'then' | 'longestMs'>;
  /** What is thrown of what is left at the deadline, where that is no sessions. */
  readonly refuseLeft?: (left: number) => DroverError;
  readonly sleep: Pause;
  readonly warn: Warn;
  readonly signal: AbortSignal;
}

const pollMs = 500;
/** Readings in a row without a session, where more could still begin. */
const calmReadings = 3;
const undoMs = 60_000;

/**
 * Out at all places or at none: every place is read before one is told, and whatever fails puts back those that were in. `cut`
 * counts what is left at the deadline under `close`: these balancers cut nothing themselves, what follows the drain does.
 */
export async function drainEverywhere(task: DrainTask): Promise<{readonly cut: number}> {
  const {host, places, drain, signal} = task;
  const before = await Promise.all(places.map(async (place) => ({place, sight: await place.look(signal)})));
  for (const {place, sight} of before) {
    if (!sight.isServing || sight.others > 0) continue;
    throw new DroverError({
      code: 'refused',
      host: host.name,
      message: `${host.name} is the last server in rotation at ${place.name}`,
      fix: 'bring another server up first: drover status',
    });
  }
  const touched: Place[] = [];
  try {
    for (const {place, sight} of before) {
      if (sight.order === 'out') continue;
      touched.push(place);
      await place.takeOut(signal);
    }
    const left = await waitForQuiet(task);
    if (left > 0 && drain.then !== 'close') throw task.refuseLeft?.(left) ?? refuseLeftovers({host, drain}, left);
    return {cut: left};
  } catch (error) {
    const stuck = await putBackAll(touched, host);
    if (stuck.length === 0) throw error;
    if (error instanceof DroverError) throw new DroverError(...error.problems, ...stuck);
    throw new DroverError({code: 'refused', host: host.name, message: `drain of ${host.name}: ${describe(error)}`}, ...stuck);
  }
}

/**
 * Polls until no place has a session; gives what is left at the deadline. A place that lost the order is told once more. Where
 * sessions cannot be counted, all the time is waited, and none is left then.
 */
async function waitForQuiet(task: DrainTask): Promise<number> {
  const {host, places, drain, sleep, warn, signal} = task;
  const deadline = AbortSignal.timeout(drain.longestMs ?? drain.waitMs);
  const blind = AbortSignal.timeout(drain.waitMs);
  const reminded = new Set<Place>();
  let calm = 0;
  while (true) {
    const sights = await Promise.all(places.map(async (place) => ({place, sight: await place.look(signal)})));
    const lost = sights.filter(({sight}) => sight.order !== 'out').map(({place}) => place);
    for (const place of lost) {
      if (reminded.has(place)) throw overruled(host, place);
      reminded.add(place);
      await warn({host: host.name, message: `${place.name} had ${host.name} back in rotation while it drained: told again`});
      await place.takeOut(signal);
    }
    const busy = sights.filter(({sight}) => !sight.isOver);
    const open = busy.reduce((sum, {sight}) => sum + (sight.sessions ?? 0), 0);
    const isBlind = busy.some(({sight}) => sight.sessions === undefined);
    calm = open === 0 && lost.length === 0 && (!isBlind || blind.aborted) ? calm + 1 : 0;
    if (lost.length === 0 && (busy.length === 0 || calm >= calmReadings || deadline.aborted)) return open;
    await sleep(pollMs, signal);
  }
}

async function putBackAll(touched: readonly Place[], host: Host): Promise<readonly Problem[]> {
  const stuck: Problem[] = [];
  for (const place of touched) {
    try {
      await place.putBack(AbortSignal.timeout(undoMs));
    } catch (error) {
      stuck.push({
        code: 'needs-attention',
        host: host.name,
        message: `${host.name} could not be put back at ${place.name}: ${describe(error)}`,
        fix: `put it back there yourself, or: drover deploy`,
      });
    }
  }
  return stuck;
}

function overruled(host: Host, place: Place): DroverError {
  return new DroverError({
    code: 'refused',
    host: host.name,
    message: `${place.name} had ${host.name} back in rotation twice while it drained`,
    fix: 'stop what changes the balancer while a run drains hosts',
  });
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
