/**
 * `npm run prove:NAME`: a long campaign of faults, `--minutes N` at most, and `--seeds N` where it is a random one. The last line tells its figures; any violation is status 1.
 * `--record` writes them to docs/evidence/.
 */
import {mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {parseArgs} from 'node:util';
import {runProgram} from './program.mjs';
import {ensureRigPackages} from './rig-packages.mjs';
import {ensureBuilt, ensureDependencies, root, runScript, SetupError} from './setup.mjs';
import {tellKill} from './tell-kill.mjs';
import {tellTraffic} from './tell-traffic.mjs';

const campaigns = {
  power: {file: 'test/rig/power-cut.test.ts', title: 'Power cuts', tell: tellPower, needsRig: true},
  kill: {file: 'test/rig/kill.test.ts', title: 'Killed controllers', tell: tellKill, needsRig: true},
  traffic: {file: 'test/rig/constant-traffic.test.ts', title: 'Constant traffic', minutes: '0', tell: tellTraffic, needsRig: true},
  differential: {file: 'test/differential/verb-differential.test.ts', title: 'The verbs against their model', tell: tellDifferential},
};

/** The line, whether all that there was to try was tried, and a table of it. */
function tellPower(cases) {
  const sum = (key) => cases.reduce((total, each) => total + each[key], 0);
  const violations = cases.flatMap(({system, last, work, violations}) => violations.map((what) => `${system}, ${last}, ${work}: ${what}`));
  const [cuts, steps] = [sum('cuts'), sum('steps')];
  const rows = cases.map(
    ({system, last, work, steps, cuts, violations}) => `| ${system} | ${last} | ${work} | ${steps} | ${cuts} | ${violations.length} |`,
  );
  return {
    line: `${cuts} power cuts at ${steps} places${cuts < steps ? ' (not all: time was up)' : ''}, invariant violations: ${violations.length}`,
    violations,
    table: [
      '| file system | the kernel still writes | cut | places | cuts | violations |',
      '| --- | --- | --- | --- | --- | --- |',
      ...rows,
    ],
  };
}

/** What the shells had in common with the model of a host. */
function tellDifferential(cases) {
  const sum = (key) => cases.reduce((total, each) => total + each[key], 0);
  const violations = cases.flatMap(({disagreements}) => disagreements);
  return {
    line: `${sum('sequences')} sequences, ${sum('verbs')} verbs, ${sum('kills')} of them killed, disagreements: ${violations.length}`,
    violations,
    table: [
      '| shell | seeds | sequences | verbs | killed | disagreements |',
      '| --- | --- | --- | --- | --- | --- |',
      ...cases.map(
        ({shell, seeds, sequences, verbs, kills, disagreements}) =>
          `| ${shell} | ${seeds} | ${sequences} | ${verbs} | ${kills} | ${disagreements.length} |`,
      ),
    ],
  };
}

await runScript(async () => {
  const [name = '', ...args] = process.argv.slice(2);
  if (!Object.hasOwn(campaigns, name))
    throw new SetupError(`no campaign is called "${name}"; there are: ${Object.keys(campaigns).join(', ')}`);
  const {values} = parseArgs({
    args,
    options: {minutes: {type: 'string'}, seeds: {type: 'string'}, record: {type: 'boolean', default: false}},
  });
  if (values.minutes !== undefined && !(Number(values.minutes) > 0)) throw new SetupError(`--minutes ${values.minutes} is no time`);
  if (values.seeds !== undefined && !/^[1-9]\d{0,8}$/.test(values.seeds)) throw new SetupError(`--seeds ${values.seeds} is no number`);
  const {file, title, tell, minutes = '600', needsRig = false} = campaigns[name];
  if (needsRig && process.getuid?.() !== 0) throw new SetupError('this needs root, for mounts and namespaces; run it as root');
  ensureDependencies();
  ensureBuilt();
  if (needsRig) ensureRigPackages({log: (line) => process.stderr.write(`set-up: ${line}\n`)});
  const folder = mkdtempSync(path.join(os.tmpdir(), 'drover-prove-'));
  try {
    const figures = path.join(folder, 'figures');
    writeFileSync(figures, '');
    const env = {
      ...process.env,
      EVERY_STEP: '1',
      PROOF_FIGURES: figures,
      PROOF_MINUTES: values.minutes ?? minutes,
      PROOF_SEEDS: values.seeds ?? '',
    };
    const vitest = path.join(root, 'node_modules', 'vitest', 'vitest.mjs');
    const status = await runProgram(process.execPath, [vitest, 'run', file], {cwd: root, env});
    const cases = readFileSync(figures, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
    const {line, violations, table} = tell(cases);
    for (const violation of violations) process.stderr.write(`violation: ${violation}\n`);
    if (values.record) {
      const command = ['npm run', `prove:${name}`, ...(args.length > 0 ? ['--', ...args] : [])].join(' ');
      const text = [
        `# ${title}`,
        '',
        `${new Date().toISOString().slice(0, 10)}, \`${command}\`, Linux ${os.release()}:`,
        '',
        line,
        '',
        ...table,
      ];
      mkdirSync(path.join(root, 'docs', 'evidence'), {recursive: true});
      writeFileSync(path.join(root, 'docs', 'evidence', `prove-${name}.md`), `${text.join('\n')}\n`);
    }
    process.stdout.write(`${line}\n`);
    return status === 0 && violations.length === 0 && cases.length > 0 ? 0 : 1;
  } finally {
    rmSync(folder, {recursive: true, force: true});
  }
});
