import {setTimeout as sleep} from 'node:timers/promises';
import type {HostTale, KillFleet, KillPoint, Person} from './kill-range.js';
import {readSeats} from './rotation-watch.js';

/** What is killed. */
export const works = ['deploy', 'rollback', 'deploy --at'] as const;
export type Work = (typeof works)[number];

/** What brings the fleet back, typed by somebody who knows only that a controller died. */
export const recoveries = ['resume', 'rollback', 'takeover'] as const;
export type Recovery = (typeof recoveries)[number];

export interface Trial {
  readonly work: Work;
  readonly recovery: Recovery;
  readonly point: KillPoint;
  /** What the record is about. */
  readonly step: string;
  /** Before a takeover: the 90 s are waited for; otherwise the leases are aged on the hosts. */
  readonly waits: boolean;
}

/** How the killed one was asked for, what it would have brought, and what was served before. */
interface Begun {
  readonly words: readonly string[];
  readonly base: string;
  readonly target: string;
}

type Demand = (holds: boolean, what: () => string) => void;

const all = ['--all', '--yes'];

/** A rollback of what everybody has just been brought to needs no deploy before it. */
async function begin(fleet: KillFleet, work: Work): Promise<Begun> {
  const {moved} = fleet;
  fleet.moved = undefined;
  if (work === 'rollback' && moved !== undefined) return {words: ['rollback', ...all], base: moved.target, target: moved.base};
  const [first] = await fleet.view();
  const served = first?.live ?? '';
  const fresh = await fleet.snapshot(fleet.ana, `by ana, ${work}`);
  if (work === 'deploy') return {words: ['deploy', ...all], base: served, target: fresh};
  if (work === 'deploy --at')
    return {words: ['deploy', ...all, '--at', `+${fleet.leadSeconds}s`, '--wave-gap', '4s'], base: served, target: fresh};
  await fleet.expectDone(fleet.ana, ['deploy', ...all]);
  return {words: ['rollback', ...all], base: fresh, target: served};
}

/** What each record is about that the work writes when nobody kills it. */
export async function listRecords(fleet: KillFleet, work: Work): Promise<readonly string[]> {
  const {words, base, target} = await begin(fleet, work);
  await fleet.expectDone(fleet.ana, words);
  if (work !== 'rollback') fleet.moved = {base, target};
  return (await fleet.newestRun(fleet.ana))?.records ?? [];
}

/**
 * One kill and what follows: the hosts right after it, the recovery, the hosts then, and the same recovery once more. Gives what was violated, in
 * words, and whether the controller was killed at all: a run may be shorter than the one that was counted.
 */
export async function tryOut(fleet: KillFleet, trial: Trial): Promise<{readonly killed: boolean; readonly violations: readonly string[]}> {
  const {work, point} = trial;
  const violations: string[] = [];
  const demand: Demand = (holds, what) => void (holds || violations.push(what()));
  const begun = await begin(fleet, work);
  const before = await fleet.newestRun(fleet.ana);
  const ended = await fleet.drover(fleet.ana, begun.words, point);
  const killed = ended.signal === 'SIGKILL' || ended.status === 137;
  demand(killed || ended.status === 0, () => `${work} ended with ${ended.status}: ${ended.stderr}`);
  const dead = await fleet.newestRun(fleet.ana);
  const records = dead?.run === before?.run ? 0 : dead?.records.length;
  const expected = point.when === 'before' ? point.record - 1 : point.record;
  demand(!killed || records === expected, () => `the journal has ${records} records, not ${expected}`);
  const views = await viewSettled(fleet);
  for (const view of views) {
    demand(view.whole, () => `${view.host} is not whole after the kill: ${JSON.stringify(view)}`);
    demand([begun.base, begun.target].includes(view.live ?? ''), () => `${view.host} serves ${view.live} after the kill`);
  }
  const wanted = await recover(fleet, {trial, begun, views, run: dead?.run ?? '', demand});
  await judge(fleet, {wanted, recovery: trial.recovery, when: 'recovered', demand});
  await recoverAgain(fleet, trial.recovery, demand);
  await judge(fleet, {wanted, recovery: trial.recovery, when: 'recovered twice', demand});
  const isForward = work !== 'rollback' && trial.recovery === 'resume' && wanted === begun.target;
  if (isForward && violations.length === 0) fleet.moved = {base: begun.base, target: begun.target};
  return {killed, violations};
}

/** What hosts say once what the dead controller had asked of them has come to its end. */
async function viewSettled(fleet: KillFleet): Promise<readonly HostTale[]> {
  let last = JSON.stringify(await fleet.view());
  for (;;) {
    await sleep(1500);
    const views = await fleet.view();
    if (JSON.stringify(views) === last) return views;
    last = JSON.stringify(views);
  }
}

/** Gives the release that everybody must serve after it. */
async function recover(
  fleet: KillFleet,
  {trial, begun, views, run, demand}: {trial: Trial; begun: Begun; views: readonly HostTale[]; run: string; demand: Demand},
): Promise<string> {
  const {base, target} = begun;
  const leased = views.some((view) => view.leased);
  const isKnown = views.some(({openRuns}) => openRuns.includes(run));
  const type = async (person: Person, words: readonly string[], status: number): Promise<string> => {
    const ended = await fleet.drover(person, words);
    demand(ended.status === status, () => `drover ${words.join(' ')} ended with ${ended.status}, not ${status}: ${ended.stderr}`);
    return ended.stderr;
  };
  switch (trial.recovery) {
    case 'resume': {
      // From another machine: hosts alone tell what was going on, if anything was.
      if (isKnown) {
        const ended = await fleet.drover(fleet.bob, ['resume', '--yes']);
        // A release that no host has yet is where it was made.
        const isElsewhere = [3, 4].includes(ended.status ?? 0) && ended.stderr.includes('is not in the store');
        if (isElsewhere) await type(fleet.ana, ['resume', '--yes'], 0);
        demand(isElsewhere || ended.status === 0, () => `drover resume --yes ended with ${ended.status}, not 0: ${ended.stderr}`);
        return target;
      }
      await type(fleet.bob, ['resume', '--yes'], 4);
      const lives = new Set(views.map(({live}) => live));
      demand(lives.size === 1, () => `there is nothing to resume, and hosts serve ${[...lives].join(' and ')}`);
      return views[0]?.live ?? '';
    }
    case 'rollback': {
      const takeover = leased ? ['--takeover', run, '--reason', 'its controller is dead'] : [];
      await type(fleet.ana, ['rollback', ...all, ...takeover], 0);
      if (trial.work === 'rollback') return target;
      if (isKnown) return base;
      // No host has heard of the dead run: this is a rollback like any other, from what is served to what was proven before.
      const [first] = await fleet.view();
      demand(first?.live !== target && first?.live !== base, () => `a rollback of what was served led to ${first?.live}`);
      return first?.live ?? '';
    }
    case 'takeover': {
      const fresh = await fleet.snapshot(fleet.bob, 'by bob');
      if (leased) {
        await type(fleet.bob, ['deploy', ...all], 5);
        if (!trial.waits) await fleet.ageLeases();
      }
      await type(fleet.bob, ['deploy', ...all, '--wait-lease', '3m'], 0);
      return fresh;
    }
  }
}

/** The same once more: there is nothing left to do. */
async function recoverAgain(fleet: KillFleet, recovery: Recovery, demand: Demand): Promise<void> {
  const person = recovery === 'rollback' ? fleet.ana : fleet.bob;
  const words = {resume: ['resume', '--yes'], rollback: ['rollback', ...all], takeover: ['deploy', ...all]}[recovery];
  const ended = await fleet.drover(person, [...words, '--json']);
  if (recovery === 'resume') return demand(ended.status === 4, () => `the second resume ended with ${ended.status}: ${ended.stderr}`);
  const {hosts = []} = JSON.parse(ended.stdout || '{}') as {hosts?: readonly {host: string; outcome: string}[]};
  const moved = hosts.filter(({outcome}) => outcome !== 'unchanged').map(({host}) => host);
  demand(ended.status === 0 && moved.length === 0, () => `the second ${recovery}: ${ended.status}, ${moved.join(' ')}: ${ended.stderr}`);
}

/**
 * Every host whole, on one release, in rotation, without a lease, by its own journal too, and without an open run: only where a rollback found
 * nothing to take back does the dead run stay open, until the next rollout there.
 */
async function judge(
  fleet: KillFleet,
  {wanted, recovery, when, demand}: {wanted: string; recovery: Recovery; when: string; demand: Demand},
): Promise<void> {
  const [views, seats] = await Promise.all([fleet.view(), readSeats(fleet.rig)]);
  for (const {host, live, whole, leased, told, openRuns} of views) {
    const words = [
      live === wanted ? '' : `serves ${live}, not ${wanted}`,
      whole ? '' : 'is not whole',
      leased ? 'is still leased' : '',
      told === live ? '' : `has a journal that says ${told}`,
      openRuns.length > 0 && recovery !== 'rollback' ? `still knows of ${openRuns.join(' ')}` : '',
    ].filter(Boolean);
    demand(words.length === 0, () => `${when}: ${host} ${words.join(', ')}`);
  }
  for (const {server, order} of seats.filter((seat) => fleet.hosts.includes(seat.server)))
    demand(order === 'ready', () => `${when}: ${server} is left in ${order}`);
}
