/**
 * `npm test`: set-up, then every test. Arguments go to vitest. The last line is `N passed, N failed` (`, N skipped` when there
 * are any); a run that failed for another reason than a test (nothing ran, vitest crashed, set-up failed) counts as one failure.
 *
 * Many tests wait for real processes and real clocks, beside others on a machine that may be slow. Where few files fail, each is tried once more,
 * alone, and the second result counts; what failed at first is named, so that a test that needs its second try does not go unseen.
 */
import {mkdtempSync, readFileSync, rmSync} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {runProgram} from './program.mjs';
import {ensureBuilt, ensureDependencies, root, runScript, SetupError} from './setup.mjs';

const leftOut = 'left out: the tests in test/rig, test/bucket and test/end-to-end';
const unitOnly = ['--project', 'unit'];

/**
 * Makes the machine ready for the rig, and returns what to tell vitest. The rig needs root (sshd, accounts, network namespaces)
 * and Debian packages; whoever has neither gets the other tests and one line about it.
 */
async function prepareRig(args) {
  if (args.includes('--project=unit') || args.join(' ').includes(unitOnly.join(' '))) return [];
  const {ensureRigPackages} = await import('./rig-packages.mjs');
  const isRoot = process.getuid?.() === 0;
  const packages = ensureRigPackages({checkOnly: !isRoot, log: (line) => process.stderr.write(`set-up: ${line}\n`)});
  if (packages.kind === 'not-debian') {
    process.stderr.write(`${leftOut}, which need a Debian machine; run on one, as root: npm test\n`);
    return unitOnly;
  }
  if (!isRoot) {
    const install = packages.kind === 'missing' ? `${packages.line} && ` : '';
    process.stderr.write(`${leftOut}, which need root; run as root: ${install}npm test\n`);
    return unitOnly;
  }
  return [];
}

const mostSecondTries = 4;

function hasFailed(file) {
  return file.status !== 'passed' || file.assertionResults.some((test) => test.status === 'failed');
}

/** What vitest wrote about its tests. A file that failed outside of its tests (an import, a hook) is one failure. */
function countTests(files) {
  const count = {passed: 0, failed: 0, skipped: 0};
  for (const file of files) {
    const statuses = file.assertionResults.map((test) => test.status);
    count.passed += statuses.filter((status) => status === 'passed').length;
    const failed = statuses.filter((status) => status === 'failed').length;
    count.failed += failed > 0 || file.status === 'passed' ? failed : 1;
    count.skipped += statuses.filter((status) => status !== 'passed' && status !== 'failed').length;
  }
  return count;
}

async function runVitest(reportFile, args) {
  const vitest = path.join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const unhandledFile = `${reportFile}.unhandled`;
  const unhandledReporter = path.join(root, 'scripts', 'unhandled-reporter.mjs');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`, `--reporter=${unhandledReporter}`];
  const env = {...process.env, UNHANDLED_FILE: unhandledFile};
  const status = await runProgram(process.execPath, [vitest, 'run', ...reporters, ...args], {cwd: root, env});
  try {
    return {
      status,
      files: JSON.parse(readFileSync(reportFile, 'utf8')).testResults,
      unhandled: Number(readFileSync(unhandledFile, 'utf8')),
    };
  } catch (error) {
    throw new SetupError(`vitest ended with status ${status} and left no report: ${error.message}`);
  }
}

function nameFailed(files) {
  return files.flatMap((file) => {
    const tests = file.assertionResults.filter((test) => test.status === 'failed').map((test) => test.fullName);
    return (tests.length > 0 ? tests : ['(the file itself)']).map((test) => `  ${path.relative(root, file.name)}: ${test}`);
  });
}

async function runTests(folder) {
  ensureDependencies();
  ensureBuilt();
  const args = process.argv.slice(2);
  const projects = await prepareRig(args);
  const first = await runVitest(path.join(folder, 'report.json'), [...projects, ...args]);
  const failed = first.files.filter(hasFailed);
  if (failed.length === 0 || failed.length > mostSecondTries || first.unhandled > 0)
    return {status: first.status, ...countTests(first.files)};
  const again = failed.map((file) => path.relative(root, file.name));
  process.stderr.write(`failed, and tried once more alone:\n${nameFailed(failed).join('\n')}\n`);
  const second = await runVitest(path.join(folder, 'second.json'), [...projects, '--no-file-parallelism', ...again]);
  const stillFailed = second.files.filter(hasFailed);
  const verdict = stillFailed.length === 0 ? ['all of them passed the second time'] : ['failed both times:', ...nameFailed(stillFailed)];
  process.stderr.write(`${verdict.join('\n')}\n`);
  return {status: second.status, ...countTests([...first.files.filter((file) => !hasFailed(file)), ...second.files])};
}

async function main() {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'drover-test-'));
  try {
    const {status, passed, failed, skipped} = await runTests(folder);
    if (failed === 0 && status !== 0) process.stderr.write(`vitest ended with status ${status} though no test failed; see above\n`);
    if (passed + failed === 0) process.stderr.write('no test ran\n');
    const sound = failed === 0 && status === 0 && passed > 0;
    return {passed, failed: sound ? 0 : Math.max(failed, 1), skipped};
  } catch (error) {
    process.stderr.write(`${error instanceof SetupError ? error.message : error.stack}\n`);
    return {passed: 0, failed: 1, skipped: 0};
  } finally {
    rmSync(folder, {recursive: true, force: true});
  }
}

await runScript(async () => {
  const {passed, failed, skipped} = await main();
  process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
  return failed > 0 ? 1 : 0;
});
