/** `npm run demo`: everything from nothing to a deploy across a practice fleet on this machine. Needs only Node. */
import {runProgram} from './program.mjs';
import {ensureBuilt, ensureDependencies, root, runScript} from './setup.mjs';

await runScript(() => {
  ensureDependencies();
  ensureBuilt();
  return runProgram(process.execPath, ['bin/run.js', 'lab', 'demo', ...process.argv.slice(2)], {cwd: root, stdin: 'inherit'});
});
