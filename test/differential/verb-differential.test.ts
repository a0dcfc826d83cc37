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
const perSeed = proof === undefined ? 4 : 20;
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

describe('the verbs and their model', () => {
  const sites: Site[] = [];
  afterAll(async () => {
    for (const site of sites) await site.remove();
  });

  it.concurrent.each(shells.filter(({uid}) => uid === undefined))(
    'agree after every verb of any sequence, killed ones among them, under $name',
    async (shell: Shell) => {
      const site = await Site.make(shell, roomyFolder());
      sites.push(site);
      const world = await makeWorld(site);
      const tally: Tally = {verbs: 0, kills: 0};
      const figures = {shell: shell.name, seeds: 0, sequences: 0, disagreements: [] as string[]};
      for (let seed = 1; seed <= seeds && Date.now() < untilMs; seed++) {
        const property = fc.asyncProperty(sequences, async (chunks) => {
          const root = copyHost(site.root, path.join(site.folder, `host-${++figures.sequences}`, 'site'));
          try {
            await new SequenceRun(new RealHost(root, shell), world, tally).carry(chunks);
          } finally {
            rmSync(path.dirname(root), {recursive: true, force: true});
          }
        });
        const found = await fc.check(property, {seed, numRuns: perSeed});
        figures.seeds += 1;
        if (!found.failed) continue;
        const {errorInstance} = found;
        if (!(errorInstance instanceof Disagreement)) throw errorInstance;
        figures.disagreements.push(`${shell.name}, seed ${seed}: ${errorInstance.message}`);
        process.stderr.write(`${figures.disagreements.at(-1)}\n`);
      }
      if (proof !== undefined) appendFileSync(proof, `${JSON.stringify({...figures, ...tally})}\n`);
      expect(figures.disagreements).toEqual([]);
      expect(tally.verbs).toBeGreaterThan(tally.kills);
    },
    patienceMs,
  );
});
