import {isStaged, type ModelState} from './model-state.js';
import {done, leaseLines, ModelFailure, type ModelVerb, openRun, record} from './model-verb.js';
import type {VerbInput} from './verb-input.js';

/** A push ends where its release is staged. */
function closeRun(state: ModelState, {run, kind}: VerbInput): void {
  const folder = state.runs[run ?? ''];
  if (kind === 'push' && folder !== undefined) folder.ended = true;
}

/** Releases in the order in which `gc` lets go of them: the proven, newest first, and the others. */
function orderReleases(state: ModelState): {proven: string[]; others: string[]} {
  const words = state.journal.map((line) => line.split(' '));
  const taken = new Set(words.filter(([, , event]) => event === 'reverted').map(([, run]) => run));
  const newest = (event: string, counts: (run: string | undefined) => boolean): string[] =>
    words
      .filter(([, run, word]) => word === event && counts(run))
      .map(([, , , id = '']) => id)
      .reverse();
  const pinned = new Set(state.pins.map(({release}) => release));
  const here = (id: string): boolean => state.folders[id] !== undefined;
  const proven = [...new Set(newest('confirmed', (run) => !taken.has(run)))].filter((id) => here(id) && !pinned.has(id));
  const others = [...new Set([...newest('staged', () => true), ...Object.keys(state.folders).sort()])].filter(here);
  return {proven, others: others.filter((id) => !proven.includes(id))};
}

/** The verbs that bring, keep and take away releases. */
export const stagingVerbs = {
  *'stage-open'(state, input) {
    const {run, id = '', base = '', part = '', payload = ''} = input;
    if (run !== undefined) {
      const folder = openRun(state, run);
      yield;
      folder.plan = payload;
      yield;
      delete folder.ended;
      yield;
    }
    if (isStaged(state, id)) {
      closeRun(state, input);
      return done('staged');
    }
    if (base !== '') {
      if (!isStaged(state, base)) throw new ModelFailure('missing');
      state.bases[part] = base;
    }
    yield;
    return done(`part ${state.deltas[part] ?? 0} ${input.have ?? ''}`);
  },

  *'stage-put'(state, {part = '', offset = 0, bytes = 0}) {
    if (offset === 0) state.deltas[part] = 0;
    else if ((state.deltas[part] ?? 0) !== offset) throw new ModelFailure('conflict');
    yield;
    state.deltas[part] = offset + bytes;
    return done(`size ${offset + bytes}`);
  },

  *'stage-commit'(state, input) {
    const {id = '', base = '', part = ''} = input;
    const clean = (): void => {
      delete state.deltas[part];
      delete state.bases[part];
    };
    if (isStaged(state, id)) {
      state.folders[id] = 'sealed';
      yield;
      closeRun(state, input);
      yield;
      clean();
      return done('staged');
    }
    const bytes = state.deltas[part];
    if (bytes === undefined) throw new ModelFailure('missing');
    if (bytes !== input.whole) {
      delete state.deltas[part];
      throw new ModelFailure('damaged');
    }
    if (base !== '' && !isStaged(state, base)) throw new ModelFailure('missing');
    yield;
    if (state.folders[id] !== undefined) {
      state.folders[id] = 'open';
      yield;
      delete state.folders[id];
      yield;
    }
    state.manifests = [...new Set([...state.manifests, id])].sort();
    yield;
    state.folders[id] = 'open';
    yield;
    state.folders[id] = 'sealed';
    yield;
    record(state, {run: input.run, epoch: 0}, 'staged', id);
    yield;
    closeRun(state, input);
    yield;
    clean();
    return done('committed');
  },

  *verify(state, {id = ''}) {
    if (!isStaged(state, id)) throw new ModelFailure('missing');
    yield;
    return done();
  },

  *discard(state, input) {
    const {id = ''} = input;
    if (state.live === id) throw new ModelFailure('unsafe');
    state.manifests = state.manifests.filter((each) => each !== id);
    yield;
    if (state.folders[id] !== undefined) state.folders[id] = 'open';
    yield;
    delete state.folders[id];
    yield;
    record(state, input, 'discarded', id);
    return done();
  },

  *gc(state, input) {
    const {keep = 0, protect = ''} = input;
    const {proven, others} = orderReleases(state);
    const kept = new Set([
      ...[state.live, ...protect.split(' '), ...proven.filter((id) => id !== state.live).slice(0, 1)],
      ...(keep === 0 ? [] : state.pins.slice(-keep).map(({release}) => release)),
      ...Object.values(state.bases),
    ]);
    const open = Object.entries(state.runs)
      .filter(([, {plan, ended}]) => plan !== undefined && !ended)
      .map(([name, {plan}]) =>
        [plan, ...state.journal.filter((line) => line.split(' ').slice(1, 3).join(' ') === `${name} intent`)].join('\n'),
      )
      .join('\n');
    const lines: string[] = [];
    for (const id of [...proven.slice(keep), ...others.slice(keep)]) {
      if (kept.has(id) || open.includes(id)) continue;
      state.folders[id] = 'open';
      yield;
      delete state.folders[id];
      yield;
      state.manifests = state.manifests.filter((each) => each !== id);
      delete state.parts[id];
      yield;
      record(state, input, 'removed', id);
      yield;
      lines.push(`removed ${id}`);
    }
    for (const id of state.manifests.filter((each) => state.folders[each] === undefined)) {
      state.manifests = state.manifests.filter((each) => each !== id);
      yield;
    }
    for (const id of Object.keys(state.parts).filter((each) => state.folders[each] === undefined)) {
      delete state.parts[id];
      yield;
    }
    return done(...lines);
  },

  *'read-plan'(state, {run = ''}) {
    const plan = state.runs[run]?.plan;
    if (plan === undefined) throw new ModelFailure('missing');
    return done(...plan.split('\n').filter((line) => line !== ''));
  },

  *'read-state'(state) {
    const runs = Object.entries(state.runs).sort(([a], [b]) => (a < b ? -1 : 1));
    return done(
      `epoch ${state.epoch}`,
      ...leaseLines(state),
      ...(state.live === '' ? [] : [`current ${state.live}`]),
      ...Object.keys(state.folders)
        .filter((id) => isStaged(state, id))
        .sort()
        .map((id) => `release ${id}`),
      ...Object.entries(state.parts)
        .filter(([id]) => isStaged(state, id))
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .flatMap(([id, lines]) => lines.map((line) => `part-of ${id} ${line}`)),
      ...[...state.pins]
        .sort((a, b) => (a.release < b.release ? -1 : 1))
        .map((pin) => `pin ${pin.release} ${pin.run} ${pin.snapshot}\t${pin.owner}\t${pin.why}`),
      ...Object.entries(state.plans)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([nonce, {run, again, owner}]) => `plan ${nonce} ${run} ${again ?? '-'} ${owner}`),
      ...Object.keys(state.deltas)
        .sort()
        .map((part) => `part ${part}.delta`),
      ...runs
        .filter(([, {plan}]) => plan !== undefined)
        .flatMap(([name, {ended, decision}]) => [
          ...(ended ? [] : [`open-run ${name}`]),
          ...(decision === undefined ? [] : [`decision ${name} ${decision}`]),
        ]),
      ...state.journal.map((line) => `journal ${line}`),
    );
  },
} satisfies Record<string, (state: ModelState, input: VerbInput) => ModelVerb>;
