import {spawnSync} from 'node:child_process';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import {afterAll, beforeAll, expect, it} from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');
const library = `
export async function save(): Promise<void> {}
export interface Store { put(name: string): Promise<void>; readonly get: (name: string) => Promise<string> }
`;
/** One statement to be judged a line. */
const frame = (statements: readonly string[]) => `
import {once} from 'node:events';
import fs, {rm} from 'node:fs/promises';
import {pipeline} from 'node:stream/promises';
import {setTimeout as sleep} from 'node:timers/promises';
import {save, type Store} from './library.js';
export async function judge(store: Store, stores: Store[], options: {readonly done?: () => Promise<void>}): Promise<unknown> {
  ${statements.map((statement) => `${statement}; // judged`).join('\n  ')}
  return [once, fs, rm, pipeline, sleep, save, store, stores, options];
}
`;
const floating = [
  'save()',
  "store.put('a')",
  "store.get('a')",
  "stores[0]!.put('a')",
  'options.done?.()',
  'Promise.all([save()])',
  'stores.map(async () => save())',
  'save().then(() => 1)',
  '(async () => save())()',
  "rm('a')",
  "fs.rm('a')",
  'sleep(1)',
  "once(process, 'exit')",
  'pipeline(process.stdin, process.stdout)',
  'stores.forEach(async () => save())',
  "process.on('exit', async () => save())",
  'setTimeout(async () => save(), 1)',
];
const kept = ['await save()', "await store.put('a')", 'save().catch(() => {})', 'void save()', 'const later = save(); await later'];

let folder: string;
let flagged: string[];

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'drover-promises-'));
  const tsconfig = {
    extends: path.join(root, 'tsconfig.json'),
    compilerOptions: {typeRoots: [path.join(root, 'node_modules/@types')]},
    include: ['*.ts'],
  };
  const source = frame([...floating, ...kept]);
  await writeFile(path.join(folder, 'tsconfig.json'), JSON.stringify(tsconfig));
  await writeFile(path.join(folder, 'package.json'), '{"type": "module"}');
  await writeFile(path.join(folder, 'library.ts'), library);
  await writeFile(path.join(folder, 'judged.ts'), source);
  const eslint = path.join(root, 'node_modules/eslint/bin/eslint.js');
  const {stdout, stderr} = spawnSync(
    process.execPath,
    [eslint, '--config', path.join(root, 'eslint.config.js'), '--format', 'json', 'judged.ts'],
    {
      cwd: folder,
      encoding: 'utf8',
    },
  );
  expect(stderr).toBe('');
  const lines = source.split('\n');
  const [report] = JSON.parse(stdout) as [{messages: {line: number; ruleId: string}[]}];
  flagged = report.messages.map(({line, ruleId}) => (ruleId === null ? `broken line ${line}` : (lines[line - 1] ?? '').trim()));
});

afterAll(() => rm(folder, {recursive: true}));

it.each(floating)('the gate finds the promise that nobody waits for in `%s`', (statement) => {
  expect(flagged).toContain(`${statement}; // judged`);
});

it('the gate finds nothing wrong with promises that are awaited, caught or given up on purpose', () => {
  expect(flagged.filter((line) => !floating.some((statement) => line === `${statement}; // judged`))).toEqual([]);
});
