import {readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {isDeepStrictEqual} from 'node:util';
import type {VerbName} from '../../src/lib/host/verb-program.js';
import {type Cut, placeCut} from './cut.js';
import {comparable, essence, isAmong, tellDifference, withoutWatchers} from './differ.js';
import {leaseVerbs} from './lease-model.js';
import type {ModelState} from './model-state.js';
import {type Ending, ModelFailure, type ModelVerb} from './model-verb.js';
import type {RealHost} from './real-host.js';
import {type Chunk, chooseInput, type ModelVerbName, type World} from './sequence.js';
import {stagingVerbs} from './staging-model.js';
import {switchVerbs} from './switch-model.js';
import type {VerbInput} from './verb-input.js';

const verbs: Record<ModelVerbName, (state: ModelState, input: VerbInput) => ModelVerb> = {...leaseVerbs, ...switchVerbs, ...stagingVerbs};

/** How often each verb ran, and how often it was killed before its end. */
export type Tally = Map<string, {runs: number; kills: number}>;

/** The model and the host are not of one opinion; the message tells the sequence, one line for each verb, and how they differ. */
export class Disagreement extends Error {}

/** What the model says of a verb: the states through which it goes, and how it ends. */
function predict(verb: ModelVerbName, before: ModelState, input: VerbInput): {states: readonly ModelState[]; ending: Ending} {
  const state = structuredClone(before);
  const states = [structuredClone(before)];
  const keep = (): unknown => states.push(structuredClone(state));
  try {
    const steps = verbs[verb](state, input);
    let step = steps.next();
    for (; !step.done; step = steps.next()) keep();
    keep();
    return {states, ending: step.value};
  } catch (error) {
    if (!(error instanceof ModelFailure)) throw error;
    keep();
    return {states, ending: {how: error.how, lines: error.lines}};
  }
}

/** Carries one sequence out on a host and in the model; throws `Disagreement`. */
export class SequenceRun {
  private readonly trace: string[] = [];
  private readonly held = new Map<string, number>();
  private state: ModelState;

  constructor(
    private readonly host: RealHost,
    private readonly world: World,
    private readonly tally: Tally,
  ) {
    this.state = host.observe();
  }

  async carry(chunks: readonly Chunk[]): Promise<void> {
    for (const {links, choices, cut} of chunks) {
      for (const [index, link] of links.entries()) {
        if (link === 'lease-runs-out' || link === 'reboot') {
          this.happen(link);
          continue;
        }
        const input = chooseInput(link, choices, this.state, this.world, this.held);
        const verb = link === 'put-half' ? 'stage-put' : link === 'close-run' ? 'release' : link;
        const here = cut !== undefined && cut.at % links.length === index ? cut : undefined;
        await this.call(verb, input, here);
      }
    }
  }

  /** One verb; one that was killed may be called again, and must end where it would have ended. */
  private async call(verb: ModelVerbName, input: VerbInput, cut: Chunk['cut']): Promise<void> {
    const whole = predict(verb, this.state, input).states.at(-1);
    const killed = await this.step(verb, input, cut && placeCut(verb, cut.kind, cut.percent / 100, this.host.shell.name));
    if (!killed || !cut?.again || verb === 'stage-put' || verb === 'dead-man') return;
    await this.step(verb, input, undefined);
    const [want, have] = [essence(whole as ModelState), essence(this.state)];
    if (!isDeepStrictEqual(want, have)) this.disagree('called again, it ends elsewhere', tellDifference(want, have));
  }

  /** True when the verb was killed. */
  private async step(verb: ModelVerbName, input: VerbInput, cut: Cut | undefined): Promise<boolean> {
    if (verb === 'dead-man') this.state.watchers = [...this.state.watchers];
    const watcher = verb === 'dead-man' ? this.state.watchers[input.number ?? 0] : undefined;
    if (verb === 'dead-man' && watcher === undefined) return false;
    const before = this.state;
    if (watcher !== undefined) this.host.keepWatchers(before.watchers.filter((each) => each !== watcher));
    const {states, ending} = predict(verb, before, input);
    this.trace.push(describe(verb, input, cut));
    const counts = this.tally.get(verb) ?? {runs: 0, kills: 0};
    this.tally.set(verb, counts);
    counts.runs += 1;
    const end =
      watcher === undefined
        ? await this.host.call(verb as VerbName, ...this.encode(verb, input), cut)
        : await this.host.fireDeadMan(watcher, cut);
    const seen = this.host.observe();
    const last = states.at(-1) as ModelState;
    this.state = seen;
    if (end.how === 'lost' && cut !== undefined) {
      counts.kills += 1;
      this.trace.push('  killed');
      const allowed = watcher === undefined ? states : states.slice(1);
      if (!isAmong(seen, allowed))
        this.disagree(
          'killed, it left what the model never is',
          allowed.map((state) => tellDifference(withoutWatchers(state), withoutWatchers(seen))).join('\n  or'),
        );
      return true;
    }
    if (!isDeepStrictEqual(end, ending)) this.disagree('it answers otherwise', tellDifference(ending, end));
    const [want, have] = [comparable(last), comparable(seen)];
    if (!isDeepStrictEqual(want, have)) this.disagree('it leaves another state', tellDifference(want, have));
    const dirt = seen.litter.filter((name) => !before.litter.includes(name));
    if (dirt.length > 0) this.disagree('it leaves litter', `  ${dirt.join(' ')}`);
    if (verb === 'lease' && end.how === 'done') this.held.set(input.run ?? '', seen.epoch);
    return false;
  }

  private encode(verb: ModelVerbName, input: VerbInput): [Record<string, string | number | undefined>, Buffer] {
    const {payload = '', have: _, whole: __, number: ___, ...values} = input;
    const {part} = input;
    const parcel = [...this.world.whole, ...this.world.changes].find((each) => each?.part === part);
    if (parcel === undefined) return [values, Buffer.from(payload)];
    const {bytes, digest, archive} = parcel;
    if (verb === 'stage-put') return [values, bytes.subarray(input.offset, (input.offset ?? 0) + (input.bytes ?? 0))];
    if (verb === 'stage-open') return [{...values, bytes: bytes.length, need: archive, files: 10}, Buffer.from(payload)];
    return [{...values, digest, archive, encoding: 'gzip'}, Buffer.from('uploads\tshared/uploads\n')];
  }

  /** What no verb does: a lease runs out, or the host starts anew. */
  private happen(what: 'lease-runs-out' | 'reboot'): void {
    this.trace.push(what);
    const file = path.join(this.host.root, '.drover', 'lease');
    const change = (file: string, from: RegExp, to: string): void => writeFileSync(file, readFileSync(file, 'utf8').replace(from, to));
    if (this.state.lease !== undefined)
      change(file, what === 'reboot' ? /^boot=.*$/m : /^until=.*$/m, what === 'reboot' ? 'boot=earlier' : 'until=0');
    if (what === 'reboot') {
      this.host.keepWatchers([]);
      for (const [run, {armed}] of Object.entries(this.state.runs))
        if (armed !== undefined) writeFileSync(path.join(this.host.root, '.drover', 'runs', run, 'armed'), 'earlier\n');
    }
    this.state = this.host.observe();
  }

  private disagree(what: string, how: string): never {
    throw new Disagreement(`${what}:\n${this.trace.join('\n')}\n${how}`);
  }
}

function describe(verb: string, input: VerbInput, cut: Cut | undefined): string {
  const values = Object.entries(input).filter(([, value]) => value !== undefined && value !== '');
  const words = values.map(
    ([name, value]) => `${name}=${/^[0-9a-f]{64}$/.test(String(value)) ? String(value).slice(0, 8) : String(value)}`,
  );
  return [verb, ...words, ...(cut === undefined ? [] : [`(killed at ${cut.kind} ${cut.nth})`])].join(' ');
}
