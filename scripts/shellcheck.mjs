/**
 * Runs shellcheck over every verb as a host gets it, after its prelude and pieces, so that a misspelt variable shows. Line numbers are
 * those of the whole program, which stays below the temporary folder while there is something to look up.
 */
import {mkdtempSync, readdirSync, rmSync, writeFileSync} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {pathToFileURL} from 'node:url';
import {runProgram} from './program.mjs';
import {ensureBuilt, ensureDependencies, root, runScript} from './setup.mjs';

// 2034: no verb uses every field of the header. 2317 and 2329: nor every function of its pieces. 2088: the quoted tilde of a root is
// meant, because the verb itself puts the home directory there.
const options = ['--shell=sh', '--severity=warning', '--exclude=SC2034,SC2088,SC2317,SC2329'];

await runScript(async () => {
  ensureDependencies();
  ensureBuilt();
  const {verbProgram} = await import(pathToFileURL(path.join(root, 'dist/lib/host/verb-program.js')).href);
  const folder = mkdtempSync(path.join(os.tmpdir(), 'drover-verbs-'));
  const names = readdirSync(path.join(root, 'src/lib/host/verbs')).filter((name) => name.endsWith('.sh') && name !== 'prelude.sh');
  for (const name of names) writeFileSync(path.join(folder, name), verbProgram(path.basename(name, '.sh')));
  const status = await runProgram('shellcheck', [...options, ...names], {cwd: folder});
  if (status === 0) rmSync(folder, {recursive: true});
  else process.stderr.write(`the programs are in ${folder}\n`);
  return status;
});
