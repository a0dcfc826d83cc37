/**
 * `npm run check`: the whole gate, cheap first. Every step runs, also after another failed, and shows what it found.
 * `--no-tests` leaves out the tests.
 */
import {spawn, spawnSync} from 'node:child_process';
import {existsSync, readdirSync} from 'node:fs';
import path from 'node:path';
import {runProgram} from './program.mjs';
import {ensureDependencies, root, runScript} from './setup.mjs';

const installed = (file) => [process.execPath, path.join(root, 'node_modules', file)];

function listScripts(folder) {
  const absolute = path.join(root, folder);
  if (!existsSync(absolute)) return [];
  return readdirSync(absolute, {recursive: true})
    .filter((name) => name.endsWith('.sh'))
    .map((name) => path.join(folder, name));
}

const steps = [
  {name: 'format and lint', command: [...installed('@biomejs/biome/bin/biome'), 'check', '--error-on-warnings', '--max-diagnostics=none']},
  {name: 'types', command: [...installed('typescript/bin/tsc'), '-p', 'tsconfig.json', '--noEmit', '--pretty', 'false']},
  {name: 'rooms', command: [...installed('dependency-cruiser/bin/dependency-cruise.mjs'), '--config', '.dependency-cruiser.cjs', 'src']},
  {name: 'unused', command: [...installed('knip/bin/knip.js')]},
  {
    name: 'shell: rig',
    needs: 'shellcheck',
    command: ['shellcheck', '--external-sources', '--severity=warning', ...listScripts('test/rig')],
  },
  {name: 'shell: verbs', needs: 'shellcheck', command: [process.execPath, 'scripts/shellcheck.mjs']},
  {name: 'generated files', command: [process.execPath, 'scripts/generate.mjs', '--check']},
  {
    name: 'promises and cases',
    command: [...installed('eslint/bin/eslint.js'), '--max-warnings=0', 'src', 'test', 'bench', '--no-error-on-unmatched-pattern'],
  },
];

/** Runs a step in silence; resolves to its status and all it wrote. */
function runStep([command, ...args]) {
  return new Promise((resolve) => {
    const chunks = [];
    const child = spawn(command, args, {cwd: root, stdio: ['ignore', 'pipe', 'pipe']});
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.stderr.on('data', (chunk) => chunks.push(chunk));
    child.on('error', (error) => resolve({status: 127, output: error.message}));
    child.on('close', (status) => resolve({status, output: Buffer.concat(chunks).toString().trim()}));
  });
}

function say(result, name, startedAtMs) {
  process.stdout.write(`${result.padEnd(4)} ${name.padEnd(20)} ${((Date.now() - startedAtMs) / 1000).toFixed(1)} s\n`);
}

async function checkStep({name, needs, command}) {
  const startedAtMs = Date.now();
  if (needs !== undefined && spawnSync(needs, ['--version']).error) {
    say('skip', `${name}: ${needs} is not installed; as root: apt-get install -y ${needs}`, startedAtMs);
    return true;
  }
  const {status, output} = await runStep(command);
  say(status === 0 ? 'ok' : 'FAIL', name, startedAtMs);
  if (status !== 0) process.stdout.write(`${output}\n\n`);
  return status === 0;
}

async function checkTests() {
  const startedAtMs = Date.now();
  const status = await runProgram(process.execPath, ['scripts/test.mjs'], {cwd: root});
  say(status === 0 ? 'ok' : 'FAIL', 'tests', startedAtMs);
  return status === 0;
}

await runScript(async () => {
  ensureDependencies();
  const failed = [];
  for (const step of steps) {
    if (!(await checkStep(step))) failed.push(step.name);
  }
  if (!process.argv.includes('--no-tests') && !(await checkTests())) failed.push('tests');
  process.stdout.write(failed.length === 0 ? 'the gate is open\n' : `the gate is closed: ${failed.join(', ')}\n`);
  return failed.length === 0 ? 0 : 1;
});
