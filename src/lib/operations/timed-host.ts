import {DroverError, type Problem} from '../errors/drover-error.js';
import {fanOut} from '../fanout/fan-out.js';
import {type ClockEstimate, formatClock} from '../host/clock-estimate.js';
import type {ArmedSwitch, TimedResult} from '../host/timed-switch.js';
import type {App} from '../inventory/app.js';
import {formatDuration} from '../inventory/duration.js';
import type {Host} from '../inventory/host.js';
import {type Appointments, lateMs} from './appointments.js';
import {type Crew, locate} from './crew.js';
import {runStep, useHost} from './on-host.js';
import type {World} from './world.js';

/** What is wrong with a host's clock; undefined when it is certainly within the bound. */
export function judgeClock(host: string, clock: ClockEstimate, boundMs: number): Problem | undefined {
  if (Math.abs(clock.offsetMs) + clock.errorMs <= boundMs) return undefined;
  const isOff = Math.abs(clock.offsetMs) > boundMs;
  const bound = `${formatDuration(boundMs)} are allowed`;
  const message = isOff
    ? `${host}: its clock is off by ${formatClock(clock)}, ${bound}`
    : `${host}: its clock cannot be measured well enough: ${formatClock(clock)}, ${bound}`;
  const fix = isOff
    ? 'set its clock (chronyd, ntpd), or allow more with --clock-bound'
    : 'try again on a quieter network, or allow more with --clock-bound';
  return {code: 'refused', message, host, fix};
}

/** Every clock within the bound, or nothing is touched: what hosts do at one time they do by their own clocks. */
export async function refuseClocks(world: World, app: App, hosts: readonly Host[], boundMs: number): Promise<void> {
  const clocks = new Map<string, ClockEstimate>();
  const problems: Problem[] = [];
  const outcomes = await fanOut(hosts, (host) => useHost(world, host, app, (on) => on.readClock(world.now, boundMs)), {
    concurrency: Math.min(world.concurrency, 16),
    random: world.random,
    signal: world.signal,
    drain: world.interrupted,
  });
  for (const outcome of outcomes) {
    if (outcome.kind === 'failed') problems.push(outcome.problem);
    else if (outcome.kind === 'done') {
      clocks.set(outcome.item.name, outcome.value);
      const problem = judgeClock(outcome.item.name, outcome.value, boundMs);
      if (problem !== undefined) problems.push(problem);
    }
  }
  const [first, ...more] = problems;
  if (first === undefined) return;
  const offsets = [...clocks.values()].map((clock) => clock.offsetMs);
  const agree = clocks.size > 1 && problems.length === hosts.length && Math.max(...offsets) - Math.min(...offsets) <= boundMs;
  throw new DroverError(agree ? {...first, fix: 'all hosts agree with each other: set the clock of this machine'} : first, ...more);
}

/** Leaves on a host that we lease all that its timed switch needs. */
export async function prepareHost(crew: Crew, name: string): Promise<void> {
  const {world, app} = crew;
  const {host, planned} = locate(crew, name);
  const fence = crew.fences.get(name);
  if (fence === undefined) throw new Error(`prepare of ${name} without a lease`);
  const move = {from: planned.from, to: planned.to, restart: app.restart ?? ''};
  await runStep(world, {host, step: 'prepare', action: () => useHost(world, host, app, (on) => on.prepareSwitch(fence, move))});
}

/** Makes a host stand ready for its time; its clock is looked at once more. */
export async function armHost(crew: Crew, book: Appointments, name: string): Promise<void> {
  const {host} = locate(crew, name);
  await runStep(crew.world, {
    host,
    step: 'arm',
    action: async () => {
      book.armed.set(name, await arm(crew, book, name));
    },
    describe: () => {
      const clock = book.clocks.get(name);
      return clock === undefined ? {} : {detail: `clock ${formatClock(clock)}`};
    },
  });
}

async function arm(crew: Crew, book: Appointments, name: string): Promise<ArmedSwitch> {
  const {world, app, plan} = crew;
  const {host, planned} = locate(crew, name);
  const fence = crew.fences.get(name);
  if (fence === undefined) throw new Error(`arm of ${name} without a lease`);
  const offsetMs = plan.waves.find((wave) => wave.hosts.includes(name))?.offsetMs ?? 0;
  const confirmSeconds = Math.ceil(plan.confirmMs / 1000);
  const move = {from: planned.from, to: planned.to, confirmSeconds, instantMs: book.instantMs(offsetMs), lateMs};
  return useHost(world, host, app, async (on) => {
    const clock = await on.readClock(world.now, book.clockBoundMs);
    book.clocks.set(name, clock);
    const problem = judgeClock(name, clock, book.clockBoundMs);
    if (problem !== undefined) throw new DroverError(problem);
    return on.armSwitch(fence, move, world.now);
  });
}

/** Lets a host go; resolves once it has switched. A host whose session was lost is asked again, and has switched or comes too late. */
export async function letHostGo(crew: Crew, book: Appointments, name: string): Promise<TimedResult> {
  const {world, app, plan} = crew;
  const {host} = locate(crew, name);
  const instantMs = book.instantMs(plan.waves.find((wave) => wave.hosts.includes(name))?.offsetMs ?? 0);
  return runStep(world, {
    host,
    step: 'switch',
    action: async () => {
      const ready = book.armed.get(name);
      book.armed.delete(name);
      const result = await useHost(world, host, app, async () => (ready ?? (await arm(crew, book, name))).go());
      if (result.atMs !== undefined) book.switched.set(name, {atMs: result.atMs, instantMs});
      return result;
    },
    describe: ({unchanged, atMs}) => ({unchanged, ...(atMs === undefined ? {} : {detail: `${atMs - instantMs} ms after its time`})}),
  });
}
