import {lastDetail, type ModelState} from './model-state.js';
import {done, isHolder, leaseLines, ModelFailure, type ModelVerb, openRun, record, requireLease, writePin} from './model-verb.js';
import type {VerbInput} from './verb-input.js';

/** A plan of a rollback, which may do without the room that is kept for it. */
export function goesBack(plan: string | undefined): boolean {
  return plan?.includes('"command":"rollback"') === true;
}

/** It leased the host last, and never began to change anything there. */
function isIdle(state: ModelState, run: string): boolean {
  const last = state.journal.findLast((line) => /^\d+ (\S+) (leased|lease-ended)( |$)/.exec(line)?.[1] === run)?.split(' ')[0];
  return last === String(state.epoch) && lastDetail(state, run, 'intent') === undefined;
}

function takeUpPlan(state: ModelState, input: VerbInput): (() => Generator<void, void, void>) | undefined {
  const {run = '', token = '', owner = '', from = ''} = input;
  const taken = state.plans[token];
  if (taken?.run === run && taken.again === undefined) return undefined;
  const isFree = taken !== undefined && taken.again === undefined && isIdle(state, taken.run);
  if (taken !== undefined && taken.again === undefined && !isFree) throw new ModelFailure('applied');
  if (state.epoch !== (isFree ? state.epoch : (taken?.again ?? input.expect)) || state.live !== from) throw new ModelFailure('stale');
  return function* () {
    openRun(state, run).token = token;
    yield;
    state.plans[token] = {run, again: undefined, owner};
    yield;
  };
}

/** The verbs that take, keep and give back a lease, and what its holder notes. */
export const leaseVerbs = {
  *lease(state, input) {
    const {run = '', owner = '', reason = '', to = '', from = '', payload = ''} = input;
    if (state.lease !== undefined && state.lease.run !== run && state.lease.alive) throw new ModelFailure('leased', leaseLines(state));
    if (state.live !== from && state.live !== to) throw new ModelFailure('conflict');
    const pin = state.pins.find(({release}) => release === to);
    if (pin !== undefined && state.live !== to && input.kind !== 'allow-pinned' && pin.run !== run) throw new ModelFailure('pinned');
    if (goesBack(payload) || lastDetail(state, run, 'intent') !== undefined) state.ballast = false;
    yield;
    const folder = openRun(state, run);
    yield;
    let takeUp: ReturnType<typeof takeUpPlan>;
    try {
      if (input.token !== undefined) takeUp = takeUpPlan(state, input);
    } catch (error) {
      if (Object.keys(folder).length === 0 && !state.litter.some((name) => name.startsWith(`runs/${run}/`))) delete state.runs[run];
      throw error;
    }
    if (takeUp !== undefined) yield* takeUp();
    if (payload !== '') folder.plan = payload;
    yield;
    delete folder.ended;
    yield;
    state.epoch += 1;
    yield;
    const {epoch} = state;
    state.lease = {run, epoch, owner, reason, alive: (input.ttl ?? 0) > 0};
    yield;
    record(state, {run, epoch}, 'leased', owner);
    yield;
    if (input.detail !== undefined) record(state, {run, epoch}, 'unsafe', input.detail);
    return done(`epoch ${epoch}`);
  },

  *renew(state, input) {
    requireLease(state, input);
    if (state.lease !== undefined) state.lease = {...state.lease, alive: (input.ttl ?? 0) > 0};
    yield;
    return done();
  },

  *release(state, input) {
    const {run = '', detail} = input;
    const folder = state.runs[run];
    if (input.epoch === undefined) {
      if (state.lease?.run === run) throw new ModelFailure('fenced');
      if (folder?.plan === undefined || folder.ended) return done();
      record(state, input, 'ended', detail);
      yield;
      const plan = folder.token === undefined ? undefined : state.plans[folder.token];
      const leased = state.journal.findLast((line) => line.split(' ').slice(1, 3).join(' ') === `${run} leased`)?.split(' ')[0];
      const isLast = leased === String(state.epoch);
      if (detail === 'refused' && isLast && plan?.run === run && lastDetail(state, run, 'intent') === undefined) plan.again = state.epoch;
      yield;
      folder.ended = true;
      return done();
    }
    const mine = isHolder(state, input);
    if (input.kind === 'ended' && folder !== undefined && state.epoch === input.epoch && !folder.ended) {
      record(state, input, 'ended', detail);
      yield;
      const plan = folder.token === undefined ? undefined : state.plans[folder.token];
      if (detail === 'refused' && plan?.run === run && lastDetail(state, run, 'intent') === undefined) plan.again = state.epoch;
      yield;
      folder.ended = true;
      yield;
    }
    if (mine) state.lease = undefined;
    else if (state.lease !== undefined) throw new ModelFailure('fenced', leaseLines(state));
    yield;
    return done();
  },

  *'lease-end'(state, input) {
    const {run, expect, owner, reason, kind} = input;
    if (state.lease === undefined) return done('none');
    if (state.lease.run !== run || state.lease.epoch !== expect || (state.lease.alive && kind !== 'takeover'))
      throw new ModelFailure('leased', leaseLines(state));
    state.epoch += 1;
    yield;
    state.lease = undefined;
    yield;
    record(state, {run, epoch: state.epoch}, 'lease-ended', `${owner}: ${reason}`);
    return done('ended');
  },

  *note(state, input) {
    requireLease(state, input);
    record(state, input, input.event ?? '', input.detail);
    yield;
    return done();
  },

  *pin(state, input) {
    requireLease(state, input);
    if (state.pins.some(({release}) => release === input.to)) return done();
    writePin(state, input.to ?? '', input);
    yield;
    record(state, input, 'pinned', input.to);
    return done();
  },

  *'note-part'(state, {id = '', from = '', run = ''}) {
    state.parts[id] = [...(state.parts[id] ?? []).filter((line) => line.split(' ')[0] !== from), `${from} ${run}`];
    yield;
    return done();
  },
} satisfies Record<string, (state: ModelState, input: VerbInput) => ModelVerb>;
