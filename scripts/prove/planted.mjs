/** Plants bugs, one at a time, and sees whether they are found. */
import {execFile} from 'node:child_process';
import {cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {promisify} from 'node:util';
import {root, SetupError} from '../setup.mjs';
import {buildSimulator} from '../simulator.mjs';

const run = promisify(execFile);
const folders = ['src', 'test', 'package.json', 'tsconfig.json', 'vitest.config.ts'];

/** The file with the bug in it. Throws when what it replaces is not there once. */
function plant({name, file, find, replace}) {
  const text = readFileSync(path.join(root, file), 'utf8');
  const times = text.split(find).length - 1;
  if (times !== 1)
    throw new SetupError(`"${name}": what it replaces stands in ${file} ${times} times; mend the entry in scripts/prove/bugs.mjs`);
  return text.replace(find, () => replace);
}

/** Whether a campaign of the simulator finds it, and what it says. */
async function askSimulator(bug, folder) {
  const program = path.join(folder, 'simulator.mjs');
  const planted = plant(bug);
  await buildSimulator(program, (file, text) => (file === bug.file ? planted : text));
  const {stdout} = await run(process.execPath, [program, JSON.stringify({...bug.by, isBrief: true})], {maxBuffer: 64 * 1024 * 1024});
  const {schedules, violations} = JSON.parse(stdout);
  return violations.length > 0
    ? {found: true, how: `schedule ${schedules}: ${violations[0].split('\n')[0]}`}
    : {found: false, how: `${schedules} schedules saw nothing`};
}

/** Whether tests find it, in a copy of the sources; the same tests must pass without it. */
async function askTests(bug, folder) {
  const copy = path.join(folder, 'copy');
  const target = path.join(copy, bug.file);
  const text = readFileSync(path.join(root, bug.file), 'utf8');
  writeFileSync(target, plant(bug));
  try {
    const {passed, failed, first} = await runTests(bug.by, copy, folder);
    if (passed + failed === 0) throw new SetupError(`"${bug.name}": no test of ${bug.by.tests} is named "${bug.by.names}"`);
    return failed > 0 ? {found: true, how: `${bug.by.tests}: ${first}`} : {found: false, how: `${passed} tests passed`};
  } finally {
    writeFileSync(target, text);
  }
}

async function runTests({tests, names}, copy, folder) {
  const report = path.join(folder, 'report.json');
  rmSync(report, {force: true});
  const vitest = path.join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const args = ['run', tests, ...(names === undefined ? [] : ['-t', names]), '--reporter=json', `--outputFile=${report}`];
  await run(process.execPath, [vitest, ...args], {cwd: copy, maxBuffer: 64 * 1024 * 1024}).catch(() => undefined);
  const results = JSON.parse(readFileSync(report, 'utf8')).testResults;
  const all = results.flatMap((file) => file.assertionResults);
  const failed = all.filter((test) => test.status === 'failed');
  const broken = results.some((file) => file.status === 'failed' && file.assertionResults.length === 0);
  if (broken) throw new SetupError(`${tests} could not be run on the copy`);
  return {passed: all.filter((test) => test.status === 'passed').length, failed: failed.length, first: failed[0]?.fullName.trim() ?? ''};
}

function copySources(folder) {
  const copy = path.join(folder, 'copy');
  mkdirSync(copy);
  for (const name of folders) cpSync(path.join(root, name), path.join(copy, name), {recursive: true});
  symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'));
  return copy;
}

/**
 * Plants each of `bugs` and gives what became of it, in their order. Tests that find bugs are run once without any first: they must pass, or they
 * would find everything. `isOver` ends it before the next bug.
 */
export async function plantBugs(bugs, {isOver = () => false, log = () => undefined} = {}) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'drover-planted-'));
  const results = [];
  try {
    const byTests = bugs.filter((bug) => bug.by.tests !== undefined);
    if (byTests.length > 0) {
      const copy = copySources(folder);
      for (const tests of new Set(byTests.map((bug) => bug.by.tests))) {
        const same = byTests.filter((bug) => bug.by.tests === tests).map((bug) => bug.by.names);
        const names = same.includes(undefined) ? undefined : [...new Set(same)].join('|');
        const {failed, first} = await runTests({tests, names}, copy, folder);
        if (failed > 0) throw new SetupError(`${tests} fails without any bug planted: ${first}`);
      }
    }
    for (const bug of bugs) {
      if (isOver()) break;
      const result = {name: bug.name, ...(await (bug.by.tests === undefined ? askSimulator(bug, folder) : askTests(bug, folder)))};
      log(`${result.found ? 'found' : 'MISSED'}  ${bug.name}  (${result.how})`);
      results.push(result);
    }
  } finally {
    rmSync(folder, {recursive: true, force: true});
  }
  return results;
}

/** All of them, or as many as `minutes` allow; `short`: those that are marked, for `npm test`. */
export async function provePlanted({bugs: all, short = false, minutes, log}) {
  const bugs = short ? all.filter((bug) => bug.isShort === true) : all;
  // Entries that fit no longer are heard of at once, also of those that are not planted now.
  for (const bug of all) plant(bug);
  const untilMs = minutes === undefined ? Number.POSITIVE_INFINITY : Date.now() + minutes * 60_000;
  const results = await plantBugs(bugs, {log, isOver: () => Date.now() >= untilMs});
  const missed = results.filter(({found}) => !found);
  const left = bugs.length - results.length;
  return {
    line: `${results.length} planted, ${results.length - missed.length} found${left > 0 ? ` (${left} not planted: time was up)` : ''}`,
    violations: missed.map(({name, how}) => `not found: ${name} (${how})`),
    isSound: results.length > 0,
    table: [
      '| bug | found by |',
      '| --- | --- |',
      ...results.map(({name, found, how}) => `| ${name} | ${found ? how.replaceAll('|', '\\|') : '**not found**'} |`),
    ],
  };
}
