/**
 * Brings a clone to where its scripts can run: npm dependencies and the build in dist/. Uses nothing but Node itself, because
 * it runs before anything is installed. Says what it does on stderr, and is silent when there is nothing to do.
 */
import {spawnSync} from 'node:child_process';
import {existsSync, readdirSync, readFileSync, statSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

const oldestNode = [20, 19];
/** What the last build was made of, and what it wrote. */
const builtNote = '.built';

/** A step of the set-up that failed for a reason to show as it is, without a stack. */
export class SetupError extends Error {}

function say(line) {
  process.stderr.write(`set-up: ${line}\n`);
}

/** Paths of all files below a folder, from it; none when there is no folder. */
export function listFiles(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, {recursive: true, withFileTypes: true})
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort();
}

function runOrFail(command, args, what) {
  const {error, status, signal} = spawnSync(command, args, {cwd: root, stdio: ['ignore', 2, 2]});
  if (error?.code === 'ENOENT') throw new SetupError(`"${command}" is not installed; as root: apt-get install -y ${command}`);
  if (error) throw error;
  if (status !== 0) throw new SetupError(`${what} failed (${signal ?? `status ${status}`}); its output is above`);
}

export function ensureNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1])) return;
  throw new SetupError(`Node ${oldestNode.join('.')} or newer is needed; this is ${process.version} (${process.execPath})`);
}

/** Why node_modules cannot be used as it is, or undefined. npm writes its hidden lockfile last, so a cut install has none. */
function reasonToInstall() {
  const installed = path.join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installed)) return 'node_modules is missing or incomplete';
  return statSync(installed).mtimeMs < statSync(path.join(root, 'package-lock.json')).mtimeMs
    ? 'package-lock.json is newer than node_modules'
    : undefined;
}

/** Runs `npm ci` when node_modules is missing, incomplete or older than package-lock.json. */
export function ensureDependencies() {
  ensureNode();
  const reason = reasonToInstall();
  if (reason === undefined) return;
  say(`npm ci, because ${reason}`);
  // Development packages are asked for by name, because NODE_ENV=production would leave them out.
  runOrFail('npm', ['ci', '--include=dev', '--no-audit', '--no-fund'], 'npm ci');
}

/** Everything the build reads, each with its size and time of change: the build is fresh while this text stays the same. */
function fingerprintSources() {
  const inputs = [
    'tsconfig.json',
    'package.json',
    'package-lock.json',
    'scripts/bundle.mjs',
    'scripts/licenses.mjs',
    ...listFiles(path.join(root, 'src')).map((file) => `src/${file}`),
  ];
  return inputs
    .map((file) => {
      const {mtimeMs, size} = statSync(path.join(root, file));
      return `${file}\t${size}\t${mtimeMs}\n`;
    })
    .join('');
}

/** Everything below dist/ but the note about the build. */
function listBuilt(dist) {
  return listFiles(dist)
    .filter((file) => file !== builtNote)
    .map((file) => `${file}\n`)
    .join('');
}

/**
 * Makes dist/ what src/ says, and nothing else, because every file that is left below dist/commands would be a command. Does nothing when
 * no source changed since the last build that worked, and nothing was taken from it or added.
 */
export function ensureBuilt() {
  const dist = path.join(root, 'dist');
  const note = path.join(dist, builtNote);
  const fingerprint = fingerprintSources();
  if (existsSync(note) && readFileSync(note, 'utf8') === `${fingerprint}\n${listBuilt(dist)}`) return;

  say('building dist/');
  runOrFail(process.execPath, [path.join(root, 'scripts', 'bundle.mjs')], 'the build');
  writeFileSync(note, `${fingerprint}\n${listBuilt(dist)}`);
}

/** Runs a script's main function: a failed set-up becomes one line and status 1, a number becomes the exit status. */
export async function runScript(main) {
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
