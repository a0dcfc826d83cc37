import {spawnSync} from 'node:child_process';
import {mkdir, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import {afterAll, beforeAll, expect, it} from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');
const planted: readonly (readonly [rule: string, file: string, source: string])[] = [
  ['lint/suspicious/noExplicitAny', 'src/lib/host/loose.ts', 'export const loose = (value: any) => value;\n'],
  ['lint/suspicious/noConsole', 'src/lib/host/chatty.ts', "export const say = () => console.log('hello');\n"],
  ['lint/style/noDefaultExport', 'src/lib/host/nameless.ts', 'export default 1;\n'],
  ['lint/style/noProcessEnv', 'src/lib/host/nosy.ts', 'export const home = process.env.HOME;\n'],
  ['lint/style/noRestrictedGlobals', 'src/lib/rollout/clock.ts', 'export const now = () => Date.now();\n'],
  ['lint/style/useFilenamingConvention', 'src/lib/host/camelCase.ts', 'export const one = 1;\n'],
  ['lint/performance/noBarrelFile', 'src/lib/host/index.ts', "export * from './camelCase.js';\n"],
  ['lint/style/useImportType', 'src/lib/host/wide.ts', "import {Host} from './host.js';\nexport type Other = Host;\n"],
  ['format', 'src/lib/host/untidy.ts', 'export const text = "double";\n'],
  [
    'assist/source/organizeImports',
    'src/lib/host/jumbled.ts',
    "import {b} from './b.js';\nimport {a} from './a.js';\n\nexport const both = [a, b];\n",
  ],
];
const allowed: readonly (readonly [file: string, source: string])[] = [
  ['src/lib/cli/speaker.ts', 'export const say = () => console.log(process.env.HOME);\n'],
  ['src/commands/word.ts', 'export default class Word {\n  readonly words = 1;\n}\n'],
  ['src/lib/host/clock.ts', 'export const now = () => Date.now();\n'],
];

interface Diagnostic {
  readonly category: string;
  readonly location: {readonly path: string};
}

let folder: string;
let found: readonly string[];

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'drover-lint-'));
  const config = JSON.parse(await readFile(path.join(root, 'biome.json'), 'utf8'));
  await writeFile(path.join(folder, 'biome.json'), JSON.stringify({...config, $schema: undefined, vcs: {enabled: false}}));
  for (const [file, source] of [...planted.map(([, ...rest]) => rest), ...allowed]) {
    await mkdir(path.dirname(path.join(folder, file)), {recursive: true});
    await writeFile(path.join(folder, file), source);
  }
  const biome = path.join(root, 'node_modules/@biomejs/biome/bin/biome');
  const options = {cwd: folder, encoding: 'utf8'} as const;
  const {stdout} = spawnSync(process.execPath, [biome, 'check', '--max-diagnostics=none', '--reporter=json', 'src'], options);
  const {diagnostics} = JSON.parse(stdout) as {readonly diagnostics: readonly Diagnostic[]};
  found = diagnostics.map(({category, location}) => `${category} ${location.path}`);
});

afterAll(() => rm(folder, {recursive: true}));

it.each(planted)('the gate finds %s in %s', (rule, file) => {
  expect(found).toContain(`${rule} ${file}`);
});

it.each(allowed)('the gate lets %s be', (file) => {
  expect(found.filter((line) => line.endsWith(` ${file}`))).toEqual([]);
});
