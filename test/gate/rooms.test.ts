import {spawnSync} from 'node:child_process';
import {mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises';
import {createRequire} from 'node:module';
import os from 'node:os';
import path from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');
const config = path.join(root, '.dependency-cruiser.cjs');
const cruiser = path.join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');

/** The table of docs/design.md, written a second time: the config may not drift from it unseen. */
const table: Record<string, readonly string[]> = {
  errors: [],
  inventory: ['errors'],
  events: ['errors', 'inventory'],
  snapshot: ['errors'],
  host: ['errors', 'inventory'],
  fanout: ['errors', 'inventory'],
  rollout: ['errors', 'inventory'],
  delivery: ['errors', 'inventory', 'snapshot', 'host', 'fanout'],
  traffic: ['errors', 'inventory', 'host'],
  report: ['errors', 'inventory'],
  operations: ['errors', 'inventory', 'events', 'snapshot', 'host', 'fanout', 'rollout', 'delivery', 'traffic'],
  lab: ['errors', 'inventory'],
  cli: 'errors inventory events snapshot host fanout rollout delivery traffic report operations lab'.split(' '),
  commands: ['cli', 'operations'],
};
const typesOfEvents = ['rollout', 'report'];
const packageHomes: Record<string, readonly string[]> = {
  '@oclif/core': ['cli', 'commands'],
  aws4fetch: ['snapshot'],
  chalk: ['report'],
  execa: ['host'],
  inquirer: ['cli'],
  listr2: ['report'],
  'markdown-it': ['cli'],
  'node-ssh': ['host'],
  'p-limit': ['fanout'],
  saxes: ['traffic'],
  'shell-quote': ['cli'],
  ssh2: ['host', 'lab'],
  'tar-stream': ['snapshot'],
  undici: ['events', 'traffic'],
  yaml: ['inventory'],
  zod: ['inventory'],
  typescript: [],
};
const rooms = Object.keys(table);
const folderOf = (room: string) => (room === 'commands' ? 'src/commands' : `src/lib/${room}`);

interface Violation {
  readonly from: string;
  readonly to: string;
  readonly rule: {readonly name: string};
}

const folders: string[] = [];
afterAll(async () => {
  for (const folder of folders) await rm(folder, {recursive: true});
});

/** Lays out the files in a project of their own and returns what the walls say about it. */
async function cruise(files: Record<string, string>): Promise<Violation[]> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'drover-rooms-'));
  folders.push(folder);
  const all: Record<string, string> = {'tsconfig.json': '{"compilerOptions": {"module": "NodeNext"}}', ...files};
  for (const name of Object.keys(packageHomes)) {
    all[`node_modules/${name}/package.json`] = JSON.stringify({name, type: 'module', exports: './index.js'});
    all[`node_modules/${name}/index.js`] = 'export const thing = 1;\n';
  }
  for (const [file, text] of Object.entries(all)) {
    await mkdir(path.dirname(path.join(folder, file)), {recursive: true});
    await writeFile(path.join(folder, file), text);
  }
  const {stdout, stderr} = spawnSync(process.execPath, [cruiser, '--config', config, '--output-type', 'json', 'src'], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  });
  expect(stderr).toBe('');
  return JSON.parse(stdout).summary.violations;
}

const targets = (violations: readonly Violation[], pattern: RegExp) =>
  violations
    .filter(({rule}) => pattern.test(rule.name))
    .map(({from, to}) => `${from} -> ${to}`)
    .sort();

describe('walls between rooms', () => {
  let byValue: Violation[];
  let byType: Violation[];

  beforeAll(async () => {
    const pairs = rooms.flatMap((from) => rooms.filter((to) => to !== from).map((to) => ({from, to})));
    const leaves = Object.fromEntries(
      rooms.map((room) => [`${folderOf(room)}/thing.ts`, 'export const thing = 1;\nexport type Thing = number;\n']),
    );
    const plant = (statement: (target: string) => string) =>
      Object.fromEntries(
        pairs.map(({from, to}) => {
          const target = path.posix.relative(folderOf(from), `${folderOf(to)}/thing.js`);
          return [`${folderOf(from)}/to-${to}.ts`, statement(target)];
        }),
      );
    byValue = await cruise({...leaves, ...plant((target) => `import {thing} from '${target}';\nexport const other = thing;\n`)});
    byType = await cruise({...leaves, ...plant((target) => `import type {Thing} from '${target}';\nexport type Other = Thing;\n`)});
  });

  const forbidden = (isAllowed: (from: string, to: string) => boolean) =>
    rooms
      .flatMap((from) =>
        rooms.filter((to) => to !== from && !isAllowed(from, to)).map((to) => `${folderOf(from)}/to-${to}.ts -> ${folderOf(to)}/thing.ts`),
      )
      .sort();

  it('stop every import that the table does not list, and no other', () => {
    expect(targets(byValue, /^room-/)).toEqual(forbidden((from, to) => table[from]?.includes(to) ?? false));
  });

  it('stop type imports too, but for the types of events in rollout and report', () => {
    const isAllowed = (from: string, to: string) =>
      (table[from]?.includes(to) ?? false) || (to === 'events' && typesOfEvents.includes(from));
    expect(targets(byType, /^room-/)).toEqual(forbidden(isAllowed));
  });
});

describe('outside packages', () => {
  it('are imported in their rooms and nowhere else', async () => {
    const names = Object.keys(packageHomes);
    const fileOf = (room: string, name: string) => `${folderOf(room)}/${name.replace(/\W/g, '-')}.ts`;
    const files = rooms.flatMap((room) =>
      names.map((name) => [fileOf(room, name), `import {thing} from '${name}';\nexport const other = thing;\n`] as const),
    );
    const violations = await cruise(Object.fromEntries(files));
    const expected = rooms.flatMap((room) =>
      names.filter((name) => !packageHomes[name]?.includes(room)).map((name) => `${fileOf(room, name)} -> node_modules/${name}/index.js`),
    );
    expect(targets(violations, /^package-/)).toEqual(expected.sort());
  });

  it('of package.json each have a room, so that a new one is a decision', async () => {
    const {dependencies} = createRequire(import.meta.url)(path.join(root, 'package.json'));
    const homes = Object.keys(packageHomes).filter((name) => name !== 'typescript');
    expect(Object.keys(dependencies).sort()).toEqual(homes.sort());
  });
});

describe('other walls', () => {
  let violations: Violation[];

  beforeAll(async () => {
    violations = await cruise({
      'src/lib/rollout/clock.ts': "import {performance} from 'node:perf_hooks';\nexport const now = () => performance.now();\n",
      'src/commands/reader.ts': "import {readFileSync} from 'node:fs';\nexport const read = () => readFileSync('x');\n",
      'src/lib/host/reader.ts': "import {readFileSync} from 'node:fs';\nexport const read = () => readFileSync('x');\n",
      'src/lib/fanout/chicken.ts': "import {egg} from './egg.js';\nexport const chicken = () => egg;\n",
      'src/lib/fanout/egg.ts': "import {chicken} from './chicken.js';\nexport const egg = () => chicken;\n",
      'src/lib/fanout/lost.ts': "import {gone} from './gone.js';\nexport const lost = gone;\n",
      'src/lib/errors/probe.ts': "import {fixture} from '../../../test/fixture.js';\nexport const probe = fixture;\n",
      'src/lib/utils/grab-bag.ts': "import {read} from '../host/reader.js';\nexport const bag = read;\n",
      'test/fixture.ts': 'export const fixture = 1;\n',
    });
  });

  it.each([
    ['rollout-is-pure', 'src/lib/rollout/clock.ts'],
    ['commands-without-builtins', 'src/commands/reader.ts'],
    ['no-cycle', 'src/lib/fanout/chicken.ts'],
    ['unresolvable', 'src/lib/fanout/lost.ts'],
    ['src-stands-alone', 'src/lib/errors/probe.ts'],
    ['room-unknown', 'src/lib/utils/grab-bag.ts'],
  ])('%s stops %s', (rule, from) => {
    expect(violations.filter((violation) => violation.rule.name === rule).map((violation) => violation.from)).toContain(from);
  });

  it('let a builtin into a room that may have it', () => {
    expect(violations.map(({from}) => from)).not.toContain('src/lib/host/reader.ts');
  });
});
