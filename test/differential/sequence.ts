import fc from 'fast-check';
import {type Cut, cutKinds} from './cut.js';
import type {ModelState} from './model-state.js';
import type {VerbInput} from './verb-input.js';

export type ModelVerbName =
  | 'lease'
  | 'renew'
  | 'release'
  | 'lease-end'
  | 'note'
  | 'pin'
  | 'note-part'
  | 'switch'
  | 'prepare'
  | 'confirm'
  | 'revert'
  | 'dead-man'
  | 'stage-open'
  | 'stage-put'
  | 'stage-commit'
  | 'verify'
  | 'discard'
  | 'gc'
  | 'read-plan'
  | 'read-state';

/** Verbs that one operator calls one after another, or what happens to the host by itself. */
type Link = ModelVerbName | 'put-half' | 'close-run' | 'lease-runs-out' | 'reboot';

const chains: readonly {readonly weight: number; readonly links: readonly Link[]}[] = [
  {weight: 6, links: ['lease', 'switch', 'confirm', 'release']},
  {weight: 4, links: ['lease', 'switch', 'revert', 'release']},
  {weight: 3, links: ['lease', 'prepare', 'switch', 'confirm', 'release']},
  {weight: 3, links: ['lease', 'switch', 'dead-man']},
  {weight: 3, links: ['lease', 'release']},
  {weight: 2, links: ['lease', 'pin', 'release']},
  {weight: 3, links: ['stage-open', 'put-half', 'stage-open', 'stage-put', 'stage-commit', 'note-part']},
  {weight: 2, links: ['discard', 'stage-open', 'stage-put', 'stage-commit']},
  {weight: 2, links: ['stage-open', 'stage-put', 'stage-commit']},
  {weight: 2, links: ['lease-runs-out', 'lease']},
  {weight: 1, links: ['reboot', 'lease', 'switch']},
  ...(
    [
      'renew',
      'lease-end',
      'note',
      'switch',
      'confirm',
      'revert',
      'dead-man',
      'close-run',
      'release',
      'stage-commit',
      'verify',
      'discard',
    ] as const
  ).map((name) => ({weight: 1, links: [name]})),
  ...(['gc', 'read-plan', 'read-state'] as const).map((name) => ({weight: 2, links: [name]})),
];

/** Numbers that each verb reads as it needs them, so that a shorter sequence is one that means the same. */
const choices = fc.record({
  run: fc.nat(2),
  to: fc.nat(3),
  other: fc.nat(3),
  odd: fc.nat(9),
  seconds: fc.boolean(),
  why: fc.boolean(),
  push: fc.boolean(),
  delta: fc.boolean(),
  keep: fc.integer({min: 1, max: 3}),
  review: fc.option(fc.nat(2), {nil: undefined, freq: 2}),
  ending: fc.constantFrom('converged', 'refused', undefined),
});
export type Choices = typeof choices extends fc.Arbitrary<infer T> ? T : never;

export interface Chunk {
  readonly links: readonly Link[];
  readonly choices: Choices;
  /** The verb of the chain that is killed, and whether it is called again at once. */
  readonly cut: {readonly at: number; readonly again: boolean; readonly kind: Cut['kind']; readonly percent: number} | undefined;
}

const cuts = fc.record({at: fc.nat(5), again: fc.boolean(), kind: fc.constantFrom(...cutKinds), percent: fc.nat(99)});

export const sequences: fc.Arbitrary<readonly Chunk[]> = fc.array(
  fc.record({
    links: fc.oneof(...chains.map(({weight, links}) => ({weight, arbitrary: fc.constant(links)}))),
    choices,
    cut: fc.option(cuts, {nil: undefined, freq: 5}),
  }),
  {minLength: 1, maxLength: 14, size: 'max'},
);

/** What is sent to a host to make release `id` of it. */
export interface Parcel {
  readonly id: string;
  readonly base: string | undefined;
  readonly part: string;
  readonly bytes: Buffer;
  readonly digest: string;
  readonly archive: number;
  readonly digestOf: (bytes: number) => string;
}

export interface World {
  readonly releases: readonly string[];
  readonly whole: readonly Parcel[];
  /** From release 0 to each but itself. */
  readonly changes: readonly (Parcel | undefined)[];
}

/** The header of a verb, decided by the choices and by what the host is: mostly what fits, now and then what does not. */
export function chooseInput(link: Link, choices: Choices, state: ModelState, world: World, held: ReadonlyMap<string, number>): VerbInput {
  const {odd, why, push, review, ending} = choices;
  const run = `run-${choices.run + 1}`;
  const to = world.releases[choices.to] ?? '';
  const other = world.releases[choices.other] ?? '';
  const known = state.lease?.run === run ? state.lease.epoch : (held.get(run) ?? state.epoch);
  const fence = {run, epoch: odd === 1 ? Math.max(0, known - 1) : known};
  const from = odd === 2 ? other : state.live;
  const detail = why ? 'health of "x" failed; $(true)' : undefined;
  const parcel = (choices.delta ? world.changes[choices.to] : undefined) ?? (world.whole[choices.to] as Parcel);
  const {part, base} = parcel;
  const have = state.deltas[part];
  const plan = JSON.stringify({run, command: push ? 'push' : 'deploy', to});
  switch (link) {
    case 'lease': {
      const token = review === undefined ? {} : {token: `c0ffee${review}`, expect: odd === 3 ? 0 : state.epoch};
      const kind = odd === 4 ? 'allow-pinned' : undefined;
      return {
        run,
        owner: 'ana',
        reason: 'say "b"; $(x)',
        ttl: odd === 5 ? 0 : 600,
        from,
        to,
        event: 'expect',
        kind,
        ...token,
        payload: odd === 6 ? '' : plan,
        detail: odd === 7 ? 'no floor' : undefined,
      };
    }
    case 'renew':
      return {...fence, ttl: odd === 5 ? 0 : 600};
    case 'release':
      return {...fence, kind: ending === undefined ? undefined : 'ended', detail: ending};
    case 'close-run':
      return {run, kind: 'ended', detail: 'closed'};
    case 'lease-end':
      return {
        run: state.lease?.run ?? run,
        expect: odd === 1 ? 0 : (state.lease?.epoch ?? 0),
        owner: 'bo',
        reason: 'gone home',
        kind: why ? 'takeover' : undefined,
      };
    case 'note':
      return {...fence, event: push ? 'restarted' : 'noted', detail: to};
    case 'pin':
      return {...fence, to, detail: 'bad elsewhere', id: other};
    case 'note-part':
      return {id: to, from: other, run};
    case 'switch':
      return {...fence, from, to, seconds: choices.seconds ? 1000 : 0, payload: push ? 'true' : ''};
    case 'prepare':
      return {...fence, from, to, payload: push ? 'true' : ''};
    case 'confirm':
      return {...fence, to: odd === 3 ? other : to, ...(why ? {from: other, detail, id: other} : {})};
    case 'revert':
      return {...fence, detail, id: push ? other : undefined};
    case 'stage-open':
      return {
        ...(why ? {run, kind: push ? 'push' : undefined, payload: plan} : {}),
        id: to,
        base,
        part,
        have: have === undefined || have === 0 ? '' : parcel.digestOf(have),
      };
    case 'put-half':
      return {part, offset: 0, bytes: parcel.bytes.length >> 1};
    case 'stage-put':
      return {part, offset: have ?? 0, bytes: parcel.bytes.length - (have ?? 0)};
    case 'stage-commit':
      return {...(why ? {run, kind: push ? 'push' : undefined} : {}), id: to, base, part, whole: parcel.bytes.length, epoch: 0};
    case 'discard':
      return {id: to, run: 'stage', epoch: 0};
    case 'gc':
      return {keep: choices.keep, protect: why ? other : '', epoch: 0, run: 'prune'};
    case 'dead-man':
      return {number: choices.keep - 1};
    case 'verify':
      return {id: to};
    case 'read-plan':
      return {run};
    case 'read-state':
    case 'lease-runs-out':
    case 'reboot':
      return {};
  }
}
