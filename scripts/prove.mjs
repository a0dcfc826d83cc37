/**
 * `npm run prove:NAME`: a long campaign of faults, `--minutes N` at most, `--seeds N` where it is a random one, and `--hosts N` where it is one of
 * a fleet. The last line tells its figures; any violation is status 1. `--record` writes them to docs/evidence/. The simulator takes `--seed N` or
 * `--schedule JSON` for one world and its trace, `--cores N`, and `--from CAMPAIGN:NUMBER` to go on where an earlier one was cut; `--short` is
 * what `npm test` plays.
 */
import {mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {parseArgs} from 'node:util';
import {runProgram} from './program.mjs';
import {bugs} from './prove/bugs.mjs';
import {provePlanted} from './prove/planted.mjs';
import {proveSimulate} from './prove/simulate.mjs';
import {ensureRigPackages} from './rig-packages.mjs';
import {ensureBuilt, ensureDependencies, root, runScript, SetupError} from './setup.mjs';
import {tellDifferential} from './tell-differential.mjs';
import {tellFleet} from './tell-fleet.mjs';
import {tellKill} from './tell-kill.mjs';
import {tellTraffic} from './tell-traffic.mjs';

const campaigns = {
  power: {file: 'test/rig/power-cut.test.ts', title: 'Power cuts', tell: tellPower, needsRig: true},
  kill: {file: 'test/rig/kill.test.ts', title: 'Killed controllers', tell: tellKill, needsRig: true},
  traffic: {file: 'test/rig/constant-traffic.test.ts', title: 'Constant traffic', minutes: 0, tell: tellTraffic, needsRig: true},
  fleet: {file: 'test/rig/large-fleet.test.ts', title: 'Hundreds of separate hosts, some of them bad', tell: tellFleet, needsRig: true},
  differential: {file: 'test/differential/verb-differential.test.ts', title: 'The verbs against their model', tell: tellDifferential},
  simulate: {title: 'Simulated worlds', prove: proveSimulate},
  planted: {title: 'Planted bugs', prove: (options) => provePlanted({...options, bugs})},
};

/** Reads a flag that is a number above 0; undefined where it is not given. */
function readNumber(values, name) {
  const value = values[name];
  if (value !== undefined && !(Number(value) > 0)) throw new SetupError(`--${name} ${value} is no number above 0`);
  return value === undefined ? undefined : Number(value);
}

/** Figures of a campaign that needs no rig. */
async function proveHere({prove}, values) {
  ensureDependencies();
  const numbers = Object.fromEntries(['minutes', 'seeds', 'seed', 'cores'].map((name) => [name, readNumber(values, name)]));
  return prove({
    ...numbers,
    short: values.short,
    schedule: values.schedule,
    from: values.from,
    log: (line) => process.stderr.write(`${line}\n`),
  });
}

/** Figures of a campaign that is a file of tests, on the rig or not. */
async function proveByTests({file, tell, minutes = 600, needsRig = false}, values) {
  if (needsRig && process.getuid?.() !== 0) throw new SetupError('this needs root, for mounts and namespaces; run it as root');
  ensureDependencies();
  ensureBuilt();
  if (needsRig) ensureRigPackages({log: (line) => process.stderr.write(`set-up: ${line}\n`)});
  const folder = mkdtempSync(path.join(os.tmpdir(), 'drover-prove-'));
  try {
    const figures = path.join(folder, 'figures');
    writeFileSync(figures, '');
    const bounds = {
      PROOF_MINUTES: String(readNumber(values, 'minutes') ?? minutes),
      PROOF_SEEDS: String(readNumber(values, 'seeds') ?? ''),
      PROOF_HOSTS: String(readNumber(values, 'hosts') ?? ''),
    };
    const env = {...process.env, EVERY_STEP: '1', PROOF_FIGURES: figures, ...bounds};
    const vitest = path.join(root, 'node_modules', 'vitest', 'vitest.mjs');
    const status = await runProgram(process.execPath, [vitest, 'run', file], {cwd: root, env});
    const cases = readFileSync(figures, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
    return {...tell(cases), isSound: status === 0 && cases.length > 0};
  } finally {
    rmSync(folder, {recursive: true, force: true});
  }
}

function record({name, title, args, line, table}) {
  const command = ['npm run', `prove:${name}`, ...(args.length > 0 ? ['--', ...args] : [])].join(' ');
  const day = new Date().toISOString().slice(0, 10);
  const text = [`# ${title}`, '', `${day}, \`${command}\`, Linux ${os.release()}:`, '', line, '', ...table];
  mkdirSync(path.join(root, 'docs', 'evidence'), {recursive: true});
  writeFileSync(path.join(root, 'docs', 'evidence', `prove-${name}.md`), `${text.join('\n')}\n`);
}

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

await runScript(async () => {
  const [name = '', ...args] = process.argv.slice(2);
  if (!Object.hasOwn(campaigns, name))
    throw new SetupError(`no campaign is called "${name}"; there are: ${Object.keys(campaigns).join(', ')}`);
  const number = {type: 'string'};
  const {values} = parseArgs({
    args,
    options: {
      ...{minutes: number, seeds: number, hosts: number, seed: number, cores: number, from: number, schedule: {type: 'string'}},
      ...{record: {type: 'boolean', default: false}, short: {type: 'boolean', default: false}},
    },
  });
  const campaign = campaigns[name];
  const {line, violations, table, isSound} = await (campaign.prove === undefined ? proveByTests : proveHere)(campaign, values);
  for (const violation of violations) process.stderr.write(`violation: ${violation}\n`);
  if (values.record) record({name, title: campaign.title, args, line, table});
  process.stdout.write(`${line}\n`);
  return isSound && violations.length === 0 ? 0 : 1;
});
