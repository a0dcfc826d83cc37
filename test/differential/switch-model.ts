import {goesBack} from './lease-model.js';
import {isStaged, lastDetail, type ModelState} from './model-state.js';
import {done, ModelFailure, type ModelVerb, openRun, record, requireLease, writePin} from './model-verb.js';
import type {VerbInput} from './verb-input.js';

/** The dead-man's switch is told by its token, which the host makes up; the model counts. */
function* arm(state: ModelState, {run = '', from = '', to = ''}: VerbInput): Generator<void, void, void> {
  const folder = openRun(state, run);
  folder.armed = 'now';
  yield;
  folder.watch = `${run} ${state.watchers.length} ${state.journal.length}`;
  yield;
  state.watchers.push({run, from, to, token: folder.watch});
  yield;
}

function* layIn(state: ModelState, {run = '', to = '', payload = ''}: VerbInput): Generator<void, void, void> {
  state.folders[to] = 'sealed';
  yield;
  if (!goesBack(state.runs[run]?.plan)) state.ballast = true;
  yield;
  if (payload !== '') openRun(state, run).restart = payload;
  yield;
}

function* settleOlder(state: ModelState, run: string): Generator<void, void, void> {
  for (const [name, other] of Object.entries(state.runs).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (name === run || other.plan === undefined || other.ended || other.plan.includes('"command":"push"')) continue;
    other.ended = true;
    yield;
  }
}

function checkReadiness(state: ModelState, input: VerbInput): void {
  requireLease(state, input);
  if (!isStaged(state, input.to ?? '')) throw new ModelFailure('missing');
  if (openRun(state, input.run ?? '').decision === 'reverted') throw new ModelFailure('reverted-itself');
}

/** No run brought it here, or somebody confirmed it since. */
function isHome({journal}: ModelState, release: string): boolean {
  const lines = journal.map((line) => line.split(' '));
  const isBrought = lines.some(([, , event, from, to]) => event === 'intent' && to === release && from !== release);
  return !isBrought || lines.some(([, , event, to]) => event === 'confirmed' && to === release);
}

/** Where a host goes back to that leaves a release. */
function findHome(state: ModelState, release: string, left: string): string {
  if (isHome(state, release)) return release;
  const words = state.journal.map((line) => line.split(' '));
  const taken = new Set(words.filter(([, , event]) => event === 'reverted').map(([, run]) => run));
  const pinned = new Set(state.pins.map((pin) => pin.release));
  const proven = words.filter(([, run, event]) => event === 'confirmed' && !taken.has(run)).map(([, , , id = '']) => id);
  const home = proven.findLast((id) => id !== left && !pinned.has(id) && isStaged(state, id));
  if (home === undefined) throw new ModelFailure('missing');
  return home;
}

/** The verbs that move `current`, and the dead-man's switch. */
export const switchVerbs = {
  *switch(state, input) {
    const {run = '', from = '', to = '', seconds = 0} = input;
    const folder = openRun(state, run);
    yield;
    checkReadiness(state, input);
    if (state.live === to) {
      const lines = lastDetail(state, run, 'restarted') === to ? ['restarted'] : [];
      if (lastDetail(state, run, 'intent') === undefined) {
        yield* settleOlder(state, run);
        record(state, input, 'intent', `${to} ${to}`);
      } else if (folder.decision === undefined && folder.armed === 'earlier' && seconds > 0) {
        yield* arm(state, input);
        lines.push(`armed ${seconds}`);
      }
      return done(...lines, 'unchanged');
    }
    if (state.live !== from) throw new ModelFailure('conflict');
    yield* layIn(state, input);
    yield* settleOlder(state, run);
    record(state, input, 'intent', `${from} ${to}`);
    yield;
    const isArmed = seconds > 0 && isHome(state, from);
    if (isArmed) yield* arm(state, input);
    state.live = to;
    yield;
    record(state, input, 'switched', `${from} ${to}`);
    return done(...(isArmed ? [`armed ${seconds}`] : []), 'switched');
  },

  *prepare(state, input) {
    const {run = '', from = '', to = ''} = input;
    openRun(state, run);
    yield;
    checkReadiness(state, input);
    if (state.live !== from && state.live !== to) throw new ModelFailure('conflict');
    yield* layIn(state, input);
    record(state, input, 'prepared', `${from} ${to}`);
    return done();
  },

  *confirm(state, input) {
    const {run = '', from = '', to = '', detail} = input;
    const folder = openRun(state, run);
    yield;
    requireLease(state, input);
    if (folder.decision === 'reverted') throw new ModelFailure('reverted-itself');
    if (to === '' || state.live !== to) throw new ModelFailure('conflict');
    if (folder.decision === 'confirmed' && lastDetail(state, run, 'confirmed') === to) return done('unchanged');
    if (detail !== undefined && from !== '') writePin(state, from, input);
    yield;
    state.pins = state.pins.filter((pin) => pin.release !== to);
    yield;
    folder.decision = 'confirmed';
    yield;
    record(state, input, 'confirmed', to);
    return done();
  },

  *revert(state, input) {
    const {run = ''} = input;
    const folder = openRun(state, run);
    yield;
    requireLease(state, input);
    const intent = lastDetail(state, run, 'intent');
    if (intent === undefined) return done('unchanged', `live ${state.live}`);
    const [before = '', to = ''] = intent.split(' ');
    const from = before === to ? to : findHome(state, before, to);
    state.ballast = false;
    yield;
    folder.decision = 'reverted';
    yield;
    if (from === to) return done('unchanged', `live ${state.live}`);
    if (input.detail !== undefined) writePin(state, to, input);
    yield;
    const lines = [`from ${to}`, `to ${from}`];
    if (state.live === from) {
      if (lastDetail(state, run, 'reverted') === undefined) record(state, input, 'reverted', `${to} ${from}`);
      return done(...lines, 'unchanged', `live ${state.live}`);
    }
    if (state.live !== to) throw new ModelFailure('conflict', lines);
    if (from !== '' && !isStaged(state, from)) throw new ModelFailure('missing', lines);
    record(state, input, 'reverting', `${to} ${from}`);
    yield;
    state.live = from;
    yield;
    record(state, input, 'reverted', `${to} ${from}`);
    return done(...lines, `live ${from}`);
  },

  /** The dead-man's switch `number` has waited long enough. */
  *'dead-man'(state, {number = 0}) {
    const watcher = state.watchers[number];
    if (watcher === undefined) return done();
    const {run, from, to, token} = watcher;
    state.watchers = state.watchers.filter((each) => each !== watcher);
    const folder = state.runs[run];
    if (folder === undefined || folder.decision !== undefined || folder.watch !== token) return done();
    const last = state.journal.findLast((line) => /^(intent|confirmed|reverted)$/.test(line.split(' ')[2] ?? ''));
    if (last?.split(' ').slice(1, 3).join(' ') !== `${run} intent`) return done();
    if (state.live !== to || (from !== '' && state.folders[from] === undefined)) return done();
    state.ballast = false;
    yield;
    folder.decision = 'reverted';
    yield;
    state.live = from;
    yield;
    state.journal.push(`dead-man ${run} reverted ${to} ${from}`);
    yield;
    delete folder.armed;
    return done();
  },
} satisfies Record<string, (state: ModelState, input: VerbInput) => ModelVerb>;
