/** `npm run test:node24`: the tests once more on the newest Node that is supported, installed from npm below .node24/. */
import {spawnSync} from 'node:child_process';
import {mkdirSync} from 'node:fs';
import path from 'node:path';
import {runProgram} from './program.mjs';
import {root, runScript, SetupError} from './setup.mjs';

const version = '24.21.0';
const folder = path.join(root, '.node24');
const binaries = path.join(folder, 'node_modules', '.bin');
const node = path.join(binaries, 'node');

function readVersion() {
  const {stdout} = spawnSync(node, ['--version'], {encoding: 'utf8'});
  return stdout?.trim();
}

/** npm 12 leaves out install scripts without a word, and the binary comes by one: so the binary itself is asked. */
function ensureNode24() {
  if (readVersion() === `v${version}`) return;
  mkdirSync(folder, {recursive: true});
  process.stderr.write(`set-up: npm install node@${version}\n`);
  spawnSync('npm', ['install', '--prefix', folder, `node@${version}`, '--no-save', '--no-audit', '--no-fund'], {stdio: ['ignore', 2, 2]});
  const found = readVersion();
  if (found !== `v${version}`)
    throw new SetupError(`${node} is ${found ?? 'missing'}, not v${version}; its install script may have been blocked`);
}

await runScript(() => {
  ensureNode24();
  const env = {...process.env, PATH: `${binaries}${path.delimiter}${process.env.PATH}`};
  return runProgram(node, ['scripts/test.mjs', ...process.argv.slice(2)], {cwd: root, env});
});
