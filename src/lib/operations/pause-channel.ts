import {DroverError} from '../errors/drover-error.js';
import {VerbError} from '../host/verb-call.js';
import type {Intake} from '../inventory/app.js';
import {drainEverywhere} from '../traffic/everywhere.js';
import {type ChannelPlace, findChannel, makePlace, nameMachine, namePlace, reachChannel} from '../traffic/nsq-channel.js';
import {pause as pauseFor} from '../traffic/pause.js';
import {findOtherRuns, type OtherRun} from './channel-peers.js';
import type {Crew} from './crew.js';
import {describeError, useHost, useLink} from './on-host.js';
import {refuseLeft, type Stop} from './work-left.js';
import {findWork, type Worker} from './worker-role.js';

type Channel = Extract<Intake, {kind: 'nsq'}>;

/** An nsqd at which the channel may still be paused, and what kept it from being opened. */
export interface ClosedPlace {
  readonly origin: string;
  readonly message: string;
}

/** Other workers that are asked to open a place that a worker cannot reach any more. */
const helpers = 2;

/** Finds the channel of a worker and how to pause it. Throws `refused` or `unreachable` before anything is paused. */
export async function prepareChannel(crew: Crew, worker: Worker, intake: Channel): Promise<Stop> {
  const {host, work} = worker;
  const {world, holds} = crew;
  const {signal} = world;
  const warn = ({message}: {readonly message: string}): Promise<void> => world.emit({kind: 'warning', host: host.name, message});
  const channel = await useLink(world, host, (link) => findChannel({link, intake, signal}));
  for (const message of channel.silent) await warn({message});
  const {places, resume} = channel;
  for (const place of places) {
    const wasKept = holds.isKept(place.name);
    const {order} = await place.look(signal);
    if (order !== 'out' || wasKept || holds.isKept(place.name)) continue;
    const [other] = keepersOf(await findOtherRuns(crew, intake), place);
    const end =
      other === undefined ? 'it is opened when its workers are back' : `run ${other.run} moves ${other.at.name}: the last of both opens it`;
    await warn({message: `${place.name} was paused already; ${end}`});
  }
  const {longestMs} = work;
  const drain = {
    waitMs: work.waitMs,
    then: work.then === 'go' ? 'close' : work.then,
    ...(longestMs === undefined ? {} : {longestMs}),
  } as const;
  const refuse = (left: number): DroverError => refuseLeft(worker, left);
  return {
    ...{resume, origins: places.map(({origin}) => origin), isShared: true},
    pause: async () => {
      await holds.keep(places, host.name);
      const shared = places.map((place) => holds.share(spare(crew, intake, place), host.name));
      return (await drainEverywhere({host, places: shared, drain, refuseLeft: refuse, sleep: pauseFor, warn, signal})).cut;
    },
  };
}

/**
 * Opens the channel of a worker at every nsqd where nobody keeps it paused any more, each on its own: one that is silent keeps none of the others
 * closed, and is asked by other workers of the run, too. Gives where it may still be paused. Throws `leased`, with nothing
 * opened, when another run has the host of the worker.
 */
export async function openChannel(crew: Crew, worker: Worker, intake: Channel): Promise<readonly ClosedPlace[]> {
  const {host} = worker;
  const {world, holds} = crew;
  const {origins = []} = crew.paused.get(host.name) ?? {};
  if (!holds.letGo(host.name)) return [];
  // Who has said so waits for nobody who has not: of two runs that look at each other, one opens at least.
  const told = await attempt(world, () => useHost(world, host, crew.app, (on) => on.notePauseEnding(worker.fence)));
  if ('error' in told && told.error instanceof VerbError && told.error.failure === 'fenced') throw told.error;
  const others = 'value' in told ? await findOtherRuns(crew, intake) : [];
  const reached = await attempt(world, () => useLink(world, host, (link) => reachChannel({link, intake, signal: world.signal}, origins)));
  const targets = 'value' in reached ? reached.value.map(({origin}) => origin) : [...new Set([...intake.nsqd, ...origins])].sort();
  const closed = await Promise.all(
    targets.map(async (origin): Promise<readonly ClosedPlace[]> => {
      const place = namePlace(host, intake, origin);
      const [other] = keepersOf(others, place);
      if (other !== undefined) {
        const message = `${place.name} is left to run ${other.run}, which moves ${other.at.name} and opens it when that is done`;
        if (!holds.isKept(place.name)) await world.emit({kind: 'warning', host: host.name, message});
        return [];
      }
      return openPlace(crew, worker, intake, origin);
    }),
  );
  return closed.flat();
}

async function openPlace(crew: Crew, {host}: Worker, intake: Channel, origin: string): Promise<readonly ClosedPlace[]> {
  const {world, holds} = crew;
  const {name} = namePlace(host, intake, origin);
  const mates = [...crew.fences.keys()].flatMap((each) => crew.hosts.get(each) ?? []).filter((each) => each.name !== host.name);
  const able = mates.filter((each) => findIntake(crew, each.name) === intake && namePlace(each, intake, origin).name === name);
  let message = '';
  for (const way of [host, ...able.slice(0, helpers)]) {
    const done = await attempt(world, () =>
      useLink(world, way, (link) => holds.open(makePlace({link, intake, signal: world.signal}, origin), world.signal)),
    );
    if ('value' in done) return [];
    message ||= `${name} could not be opened: ${describeError(done.error)}`;
  }
  return [{origin, message}];
}

/** A place that a drain of ours which is given up does not open under another run. */
function spare(crew: Crew, intake: Channel, place: ChannelPlace): ChannelPlace {
  return {
    ...place,
    putBack: async (signal) => {
      if (keepersOf(await findOtherRuns(crew, intake), place).length === 0) await place.putBack(signal);
    },
  };
}

/** Of other runs, those that keep this very place paused: a loopback is a machine's own. */
function keepersOf(others: readonly OtherRun[], {machine}: Pick<ChannelPlace, 'machine'>): readonly OtherRun[] {
  return others.filter(({at}) => machine === undefined || nameMachine(at) === machine);
}

function findIntake(crew: Crew, name: string): Intake | undefined {
  const host = crew.hosts.get(name);
  return host === undefined ? undefined : findWork(crew.app, host)?.work.intake;
}

/** What an operator can be told of is a value. */
async function attempt<T>(world: {readonly signal: AbortSignal}, action: () => Promise<T>): Promise<{value: T} | {error: DroverError}> {
  try {
    return {value: await action()};
  } catch (error) {
    if (!(error instanceof DroverError) || world.signal.aborted) throw error;
    return {error};
  }
}
