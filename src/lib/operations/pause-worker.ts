import {setTimeout as sleep} from 'node:timers/promises';
import {DroverError} from '../errors/drover-error.js';
import type {HookResult} from '../host/host-hook.js';
import {VerbError} from '../host/verb-call.js';
import type {Intake} from '../inventory/app.js';
import {formatDuration} from '../inventory/duration.js';
import {boundWorkMs} from '../inventory/work-wait.js';
import {writeResume} from '../traffic/nsq-channel.js';
import type {Crew} from './crew.js';
import {describeError, useHost} from './on-host.js';
import {openChannel, prepareChannel} from './pause-channel.js';
import {describeLeft, refuseLeft, type Stop} from './work-left.js';
import {hookSeconds, untilSeconds, type Worker} from './worker-role.js';

const pollMs = 2000;

/**
 * Stops the intake of a worker and waits until nothing is in flight. The host notes it first, with the way to resume, so that no ending of ours
 * leaves a worker paused for ever. What fails resumes the worker. Gives words where work was left in flight.
 */
export async function pauseWorker(crew: Crew, worker: Worker): Promise<{readonly detail?: string}> {
  const {host, work} = worker;
  const stop = work.intake.kind === 'nsq' ? await prepareChannel(crew, worker, work.intake) : prepareHooks(crew, worker, work.intake);
  const patience = Math.ceil(crew.plan.confirmMs / 1000) + hookSeconds + 30;
  const {resume, isShared, origins} = stop;
  const noted = origins === undefined ? {} : {origins};
  await useHost(crew.world, host, crew.app, (on) => on.notePause(worker.fence, resume, {patienceSeconds: patience, isShared}));
  crew.paused.set(host.name, {moves: false, ...noted});
  try {
    const left = await stop.pause();
    crew.paused.set(host.name, {moves: true, ...noted});
    return left === 0 ? {} : {detail: `went on with ${describeLeft(left)} after ${formatDuration(boundWorkMs(work))}`};
  } catch (error) {
    throw await undo(crew, worker, error);
  }
}

/** Lets a worker take work up again. What of a channel cannot be opened is told, stays noted on the host, which goes on trying, and is debt of the run. */
export async function resumeWorker(crew: Crew, worker: Worker): Promise<void> {
  const {host, work, fence} = worker;
  if (work.intake.kind === 'hooks') await runHook(crew, worker, 'resume', resumeCommand(work.intake.resume));
  else if (await isLeftClosed(crew, worker, work.intake)) return;
  await useHost(crew.world, host, crew.app, (on) => on.clearPause(fence));
  crew.paused.delete(host.name);
}

/** The host of a worker goes no further: a channel that it keeps paused is opened for the others. Its host may not even answer. */
export async function freeChannel(crew: Crew, worker: Worker): Promise<void> {
  const {host, work, fence} = worker;
  const {intake} = work;
  if (intake.kind !== 'nsq' || !crew.paused.has(host.name)) return;
  try {
    if (await isLeftClosed(crew, worker, intake)) return;
    crew.paused.delete(host.name);
    await useHost(crew.world, host, crew.app, (on) => on.clearPause(fence));
  } catch (error) {
    if (!(error instanceof DroverError)) throw error;
    if (error instanceof VerbError && error.failure === 'fenced') forfeitWorker(crew, host.name);
    else
      await crew.world.emit({kind: 'warning', host: host.name, message: `still notes that its worker is paused: ${describeError(error)}`});
  }
}

/** Another run has the host: what its worker keeps paused is that run's business, and its keeper's. */
export function forfeitWorker(crew: Crew, name: string): void {
  crew.holds.forfeit(name);
  crew.paused.delete(name);
  crew.closed.delete(name);
}

async function isLeftClosed(crew: Crew, worker: Worker, intake: Extract<Intake, {kind: 'nsq'}>): Promise<boolean> {
  const {host, fence} = worker;
  const closed = await openChannel(crew, worker, intake);
  const isKnown = crew.closed.has(host.name);
  if (closed.length === 0) {
    crew.closed.delete(host.name);
    return false;
  }
  const origins = closed.map(({origin}) => origin);
  crew.closed.set(
    host.name,
    closed.map(({message}) => message),
  );
  crew.paused.set(host.name, {moves: true, origins});
  if (isKnown) return true;
  for (const {message} of closed) await crew.world.emit({kind: 'warning', host: host.name, message});
  try {
    await useHost(crew.world, host, crew.app, (on) =>
      on.notePause(fence, writeResume(intake, origins), {patienceSeconds: 0, isShared: true}),
    );
  } catch (error) {
    // The note of the pause itself is still there, and its keeper opens all of it.
    if (!(error instanceof DroverError)) throw error;
  }
  return true;
}

/**
 * A host that gives its lease back with its worker paused. A worker that its own hook paused for a move that did not end well is left as it is, because
 * what it serves is in doubt. What could not be resumed before is tried once more, and a channel is opened: it belongs to others, too.
 */
export async function leavePaused(crew: Crew, worker: Worker): Promise<void> {
  const {host, work} = worker;
  const paused = crew.paused.get(host.name);
  if (paused === undefined) return;
  const warn = (message: string): Promise<void> => crew.world.emit({kind: 'warning', host: host.name, message});
  if (work.intake.kind === 'hooks' && paused.moves) {
    await warn('its worker stays paused, because its release is in doubt: the next deploy or rollback resumes it');
    return;
  }
  try {
    await resumeWorker(crew, worker);
  } catch (error) {
    if (!(error instanceof DroverError)) throw error;
    if (error instanceof VerbError && error.failure === 'fenced') forfeitWorker(crew, host.name);
    else await warn(`its worker may still be paused, and has to be resumed by hand: ${describeError(error)}`);
  }
}

function prepareHooks(crew: Crew, worker: Worker, {pause, until, resume}: Extract<Intake, {kind: 'hooks'}>): Stop {
  return {
    ...{resume, isShared: false},
    pause: async () => {
      await runHook(crew, worker, 'pause', pauseCommand(pause));
      if (await awaitIdle(crew, worker, until)) return 0;
      if (worker.work.then === 'go') return 'some';
      throw refuseLeft(worker, 'some');
    },
  };
}

/** Asks until the worker says that nothing is in flight, or the deadline comes. */
async function awaitIdle(crew: Crew, worker: Worker, until: string): Promise<boolean> {
  const {world} = crew;
  const deadlineMs = world.now() + boundWorkMs(worker.work);
  for (;;) {
    const result = await callHook(crew, worker, {command: until, seconds: untilSeconds});
    if (result.status === 0 && result.lateAfterSeconds === undefined) return true;
    if (result.status === 126 || result.status === 127) throw failed(worker, 'until', result);
    if (world.now() >= deadlineMs) return false;
    await sleep(Math.min(pollMs, Math.max(1, deadlineMs - world.now())), undefined, {signal: world.signal});
  }
}

async function undo(crew: Crew, worker: Worker, cause: unknown): Promise<unknown> {
  const isFenced = cause instanceof VerbError && cause.failure === 'fenced';
  if (crew.world.signal.aborted || isFenced || !(cause instanceof DroverError)) return cause;
  try {
    await resumeWorker(crew, worker);
    return cause;
  } catch (error) {
    if (!(error instanceof DroverError)) throw error;
    return new DroverError(...cause.problems, {...error.problems[0], code: 'needs-attention'});
  }
}

async function runHook(crew: Crew, worker: Worker, name: 'pause' | 'resume', command: string): Promise<void> {
  const result = await callHook(crew, worker, {command, seconds: hookSeconds});
  if (result.status !== 0 || result.lateAfterSeconds !== undefined) throw failed(worker, name, result);
}

function callHook(crew: Crew, {host, fence}: Worker, hook: {command: string; seconds: number}): Promise<HookResult> {
  return useHost(crew.world, host, crew.app, (on) => on.runHook({...hook, cwd: `${crew.app.root}/current`, fence}));
}

function failed({host, role}: Worker, name: string, {status, lateAfterSeconds, output}: HookResult): DroverError {
  const how = lateAfterSeconds === undefined ? `ended with status ${status}` : `was not done after ${lateAfterSeconds} s`;
  const said = output.trim().split('\n').slice(-3).join(' | ').slice(0, 300);
  const message = `${host.name}: endings.${role}.${name} ${how}${said === '' ? '' : `: ${said}`}`;
  return new DroverError({code: 'refused', message, host: host.name, fix: `run it yourself on ${host.name}`});
}

/** One at a time with the host's own keeper, and only while the note is this run's: a controller that died must not pause what another resumed. */
function pauseCommand(command: string): string {
  return `${lock}[ "$by" = "$DROVER_RUN" ] || { echo 'the pause is not noted any more'; exit 125; }\n${inside(command)}`;
}

/** What was noted with the pause goes first: it may be older than drover.yml. */
function resumeCommand(command: string): string {
  const noted = '[ ! -s "$DROVER_ROOT/.drover/pause/resume" ] || exec /bin/sh "$DROVER_ROOT/.drover/pause/resume"';
  return `${lock}[ -z "$by" ] || [ "$by" = "$DROVER_RUN" ] || { echo 'paused by another run'; exit 125; }\n${inside(`${noted}\n${command}`)}`;
}

const lock = `command exec 8>>"$DROVER_ROOT/.drover/pause/lock" && flock 8 || exit 125
by=
[ ! -s "$DROVER_ROOT/.drover/pause/by" ] || IFS=' ' read -r by rest <"$DROVER_ROOT/.drover/pause/by"
`;

const inside = (command: string): string => `(\n${command}\n) 8>&-\n`;
