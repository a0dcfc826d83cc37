/**
 * `npm run bench:NAME`: brings the clone to where it can be measured (dependencies, build, the programs it is measured against),
 * then runs bench/NAME.ts with the other arguments.
 */

import {runProgram} from './program.mjs';
import {ensurePackages} from './rig-packages.mjs';
import {ensureBuilt, ensureDependencies, root, runScript, SetupError} from './setup.mjs';

/** GNU time measures; without it there are no figures. The rest are peers, and each can be missing. */
const needed = ['time'];
const peers = {
  startup: [],
  'event-loop': ['openssh-client'],
  snapshot: ['casync', 'restic', 'borgbackup', 'git', 'rsync', 'zstd'],
  fanout: ['openssh-server', 'openssh-client', 'clustershell', 'pdsh', 'pssh', 'ansible-core', 'taktuk'],
  push: ['openssh-server', 'openssh-client', 'rsync', 'zstd'],
};

await runScript(async () => {
  const [name = '', ...args] = process.argv.slice(2);
  if (!Object.hasOwn(peers, name)) throw new SetupError(`no benchmark is called "${name}"; there are: ${Object.keys(peers).join(', ')}`);
  ensureDependencies();
  ensureBuilt();
  const packages = [...needed, ...peers[name]];
  const answer = ensurePackages(packages, {checkOnly: process.getuid?.() !== 0, log: (line) => process.stderr.write(`set-up: ${line}\n`)});
  if (answer.kind === 'not-debian') process.stderr.write(`no apt-get here; what is missing of ${answer.missing.join(' ')} is left out\n`);
  if (answer.kind === 'missing') {
    const advice = `as root: ${answer.line}`;
    if (answer.missing.some((missing) => needed.includes(missing)))
      throw new SetupError(`${needed.join(', ')} is needed to measure; ${advice}`);
    process.stderr.write(`left out: ${answer.missing.join(', ')}; for the whole table, ${advice}\n`);
  }
  return runProgram(process.execPath, ['--import', 'tsx', `bench/${name}.ts`, ...args], {cwd: root});
});
