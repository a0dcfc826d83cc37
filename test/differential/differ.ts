import {isDeepStrictEqual} from 'node:util';
import {isStaged, type ModelState} from './model-state.js';

/** What of a state two hosts must have in common: a watcher's token is a name that the host made up. */
export function comparable(state: ModelState): object {
  const runs = Object.fromEntries(Object.entries(state.runs).map(([name, run]) => [name, {...run, watch: run.watch !== undefined}]));
  const {litter: _, watchers, ...rest} = state;
  return {
    ...sorted(rest),
    runs: sorted(runs),
    watchers: watchers.map(({run, from, to, token}) => `${run} ${from} ${to} ${state.runs[run]?.watch === token}`),
  };
}

/** As `comparable`, where it may not be known yet which switches are at work. */
function withoutWatchers(state: ModelState): object {
  return {...comparable(state), watchers: undefined};
}

export function isAmong(seen: ModelState, allowed: readonly ModelState[]): boolean {
  const [first, last] = [allowed[0], allowed.at(-1)];
  const watchers = JSON.stringify(seen.watchers.length);
  if (watchers !== JSON.stringify(first?.watchers.length) && watchers !== JSON.stringify(last?.watchers.length)) return false;
  return allowed.some((state) => isDeepStrictEqual(withoutWatchers(state), withoutWatchers(seen)));
}

/** What operators and later runs decide by: the same after a verb that was killed and called again as after one that was not. */
export function essence(state: ModelState): object {
  const decisive = state.journal
    .filter((line) => /^\S* \S* (intent|confirmed|reverted|ended) /.test(line))
    .map((line) => line.slice(line.indexOf(' ') + 1));
  const runs = Object.entries(state.runs).map(([name, {armed: _, watch: __, ...run}]) => [name, run] as const);
  return {
    lease: state.lease === undefined ? undefined : {run: state.lease.run, alive: state.lease.alive},
    live: state.live,
    releases: Object.fromEntries(Object.entries(sorted(state.folders)).filter(([id]) => isStaged(state, id))),
    manifests: state.manifests,
    decisive: [...new Set(decisive)].sort(),
    pins: state.pins,
    plans: sorted(state.plans),
    runs: sorted(Object.fromEntries(runs)),
    parts: sorted(state.parts),
    deltas: sorted(state.deltas),
    bases: sorted(state.bases),
    ballast: state.ballast,
  };
}

function sorted<T extends object>(record: T): T {
  return Object.fromEntries(
    Object.entries(record)
      .map(([key, value]) => [key, isRecord(value) ? sorted(value) : value])
      .sort(([a], [b]) => ((a as string) < (b as string) ? -1 : 1)),
  ) as T;
}

function isRecord(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Where two states differ, one line each. */
export function tellDifference(want: object, have: object): string {
  const lines: string[] = [];
  for (const key of new Set([...Object.keys(want), ...Object.keys(have)])) {
    const [wanted, had] = [Reflect.get(want, key) as unknown, Reflect.get(have, key) as unknown];
    if (!isDeepStrictEqual(wanted, had)) lines.push(`  ${key}\n    model: ${JSON.stringify(wanted)}\n    host:  ${JSON.stringify(had)}`);
  }
  return lines.join('\n');
}

export {withoutWatchers};
