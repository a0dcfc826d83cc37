import {createHash} from 'node:crypto';
import {appendFileSync, readFileSync, rmSync} from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import {afterAll, describe, expect, it} from 'vitest';
import {partName} from '../../src/lib/host/stage-request.js';
import type {SnapshotId} from '../../src/lib/snapshot/manifest.js';
import {type Shell, Site, shells} from '../host/verb-site.js';
import {copyHost, RealHost} from './real-host.js';
import {roomyFolder} from './roomy-folder.js';
import {Disagreement, SequenceRun, type Tally} from './run-sequence.js';
import {type Parcel, sequences, type World} from './sequence.js';

const proof = process.env.PROOF_FIGURES;
const untilMs = Date.now() + Number(process.env.PROOF_MINUTES ?? '600') * 60_000;
const seeds = proof === undefined ? 1 : Number(process.env.PROOF_SEEDS || '1000000');
const perSeed = proof === undefined ? 4 : 5;
const patienceMs = proof === undefined ? 300_000 : 700 * 60_000;

const tree = (version: number): Record<string, string> => ({same: 'same', [`only/${version}`]: `${version}`, version: `${version}`});

async function wrapParcel(site: Site, base: SnapshotId | undefined, id: SnapshotId): Promise<Parcel> {
  const delta = await site.delta(base, id);
  const bytes = readFileSync(delta.path);
  const digestOf = (count: number): string => createHash('sha256').update(bytes.subarray(0, count)).digest('hex');
  return {id, base, part: partName(site.request(delta)), bytes, digest: delta.digest, archive: delta.archiveBytes, digestOf};
}

async function makeWorld(site: Site): Promise<World> {
  const releases: SnapshotId[] = [];
  for (const version of [0, 1, 2]) releases.push(await site.stage(tree(version), {links: {uploads: 'shared/uploads'}}));
  releases.push(await site.snapshot(tree(3)));
  const whole: Parcel[] = [];
  const changes: (Parcel | undefined)[] = [];
  for (const id of releases) {
    whole.push(await wrapParcel(site, undefined, id));
    changes.push(id === releases[0] ? undefined : await wrapParcel(site, releases[0], id));
  }
  return {releases, whole, changes};
}

/** What one shell was asked to do so far. */
class Bench {
  readonly tally: Tally = new Map();
  readonly disagreements: string[] = [];
  sequences = 0;
  seeds = 0;

  private constructor(
    readonly shell: Shell,
    readonly site: Site,
    private readonly world: World,
  ) {}

  static async make(shell: Shell): Promise<Bench> {
    const site = await Site.make(shell, roomyFolder());
    return new Bench(shell, site, await makeWorld(site));
  }

  async play(seed: number): Promise<void> {
    const {shell, site} = this;
    const property = fc.asyncProperty(sequences, async (chunks) => {
      const root = copyHost(site.root, path.join(site.folder, `host-${++this.sequences}`, 'site'));
      try {
        await new SequenceRun(new RealHost(root, shell), this.world, this.tally).carry(chunks);
      } finally {
        rmSync(path.dirname(root), {recursive: true, force: true});
      }
    });
    const found = await fc.check(property, {seed, numRuns: perSeed});
    this.seeds += 1;
    if (!found.failed) return;
    const {errorInstance} = found;
    if (!(errorInstance instanceof Disagreement)) throw errorInstance;
    this.disagreements.push(`${shell.name}, seed ${seed}: ${errorInstance.message}`);
    process.stderr.write(`${this.disagreements.at(-1)}\n`);
  }

  tell(): unknown {
    const {shell, seeds, sequences, disagreements, tally} = this;
    return {shell: shell.name, seeds, sequences, ...this.count(), disagreements, byVerb: Object.fromEntries(tally)};
  }

  count(): {readonly verbs: number; readonly kills: number} {
    const all = [...this.tally.values()];
    return {verbs: all.reduce((sum, {runs}) => sum + runs, 0), kills: all.reduce((sum, {kills}) => sum + kills, 0)};
  }
}

describe('the verbs and their model', () => {
  const benches: Bench[] = [];
  afterAll(async () => {
    for (const {site} of benches) await site.remove();
  });

  it(
    'agree after every verb of any sequence, killed ones among them, in every shell',
    async () => {
      for (const shell of shells.filter(({uid}) => uid === undefined)) benches.push(await Bench.make(shell));
      // Shells go through the seeds side by side, so that none is ahead of the others when time is up.
      for (let seed = 1; seed <= seeds && Date.now() < untilMs; seed++) await Promise.all(benches.map((bench) => bench.play(seed)));
      for (const bench of benches) {
        const {verbs, kills} = bench.count();
        if (proof !== undefined) appendFileSync(proof, `${JSON.stringify(bench.tell())}\n`);
        expect(verbs).toBeGreaterThan(kills);
      }
      expect(benches.flatMap(({disagreements}) => disagreements)).toEqual([]);
    },
    patienceMs,
  );
});
