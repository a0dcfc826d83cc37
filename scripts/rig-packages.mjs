#!/usr/bin/env node
// The Debian packages the test rig runs: real sshd, nginx, HAProxy, Varnish and login shells on one machine.
// Usage: node scripts/rig-packages.mjs [--check]
// Exit status: 0 all there, 1 apt-get failed, 2 not a Debian system, 3 packages are missing (and this is --check, or not root).
import {spawnSync} from 'node:child_process';
import {chmodSync, existsSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';

export const rigPackages = Object.freeze([
  'openssh-server',
  'openssh-client',
  'haproxy',
  'nginx-light',
  'varnish',
  'bash',
  'dash',
  'fish',
  'tcsh',
  'busybox-static',
  'nftables',
  'iproute2',
  'util-linux',
  'acl',
  'perl-base',
  'e2fsprogs',
  'xfsprogs',
  'mount',
  'procps',
  'curl',
  'strace',
  'shellcheck',
  'radosgw',
  'ceph-mon',
  'ceph-osd',
  'postgresql',
]);

const policyPath = '/usr/sbin/policy-rc.d';
const policyAside = '/usr/sbin/policy-rc.d.before-drover-rig';
const policyMark = '# drover rig: no service starts while its packages are installed';

/** Which of `packages` dpkg does not know as installed; all of them where there is no dpkg. */
export function listMissing(packages = rigPackages) {
  const query = spawnSync('dpkg-query', ['-W', '-f', `\${binary:Package} \${db:Status-Status}\n`, ...packages], {encoding: 'utf8'});
  const installed = new Set();
  for (const line of (query.stdout ?? '').split('\n')) {
    const [name, status] = line.split(' ');
    if (status === 'installed') installed.add(name.split(':')[0]);
  }
  return packages.filter((name) => !installed.has(name));
}

/** The command a person with root types to get `packages`. */
export function aptLine(packages) {
  return `apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')}`;
}

/**
 * Installs `packages` as root, without starting or stopping a service. The package lists are fetched only when apt cannot do
 * it with the ones it has. Throws where apt-get fails twice.
 */
export function install(packages) {
  const release = forbidServices();
  const undo = (signal) => {
    release();
    process.exit(signal === 'SIGINT' ? 130 : 143);
  };
  process.once('SIGINT', undo);
  process.once('SIGTERM', undo);
  try {
    const args = ['install', '-y', '--no-install-recommends', ...packages];
    if (runApt(args) === 0) return;
    if (runApt(['update']) !== 0) throw new Error('apt-get update failed; its messages are above');
    if (runApt(args) !== 0) throw new Error(`apt-get ${args.join(' ')} failed; its messages are above`);
  } finally {
    process.off('SIGINT', undo);
    process.off('SIGTERM', undo);
    release();
  }
}

/** What the rig runs, as `ensurePackages`. */
export function ensureRigPackages(options = {}) {
  return ensurePackages(rigPackages, options);
}

/** Everything at once: 'present', 'installed', or what is missing and why it could not be installed. */
export function ensurePackages(packages, {checkOnly = false, log = () => {}} = {}) {
  const missing = listMissing(packages);
  if (missing.length === 0) return {kind: 'present'};
  if (!existsSync('/usr/bin/apt-get')) return {kind: 'not-debian', missing};
  if (checkOnly || process.getuid?.() !== 0) return {kind: 'missing', missing, line: aptLine(missing)};
  log(`installing ${missing.join(' ')}`);
  install(missing);
  const left = listMissing(packages);
  if (left.length > 0) throw new Error(`still missing after apt-get: ${left.join(' ')}`);
  return {kind: 'installed', packages: missing};
}

function runApt(args) {
  const env = {...process.env, DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_SUSPEND: '1', RUNLEVEL: '1'};
  return spawnSync('apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=120', ...args], {env, stdio: ['ignore', 2, 2]}).status;
}

/** Makes invoke-rc.d refuse every start; returns what puts the machine's own policy back. Safe after a kill: the next run restores. */
function forbidServices() {
  const ours = () => existsSync(policyPath) && readFileSync(policyPath, 'utf8').includes(policyMark);
  const release = () => {
    if (ours()) rmSync(policyPath);
    if (existsSync(policyAside)) renameSync(policyAside, policyPath);
  };
  release();
  if (existsSync(policyPath) && spawnSync(policyPath, ['drover-rig', 'start'], {stdio: 'ignore'}).status === 101) return () => {};
  if (existsSync(policyPath)) renameSync(policyPath, policyAside);
  writeFileSync(policyPath, `#!/bin/sh\n${policyMark}\nexit 101\n`);
  chmodSync(policyPath, 0o755);
  return release;
}

function main(argv) {
  const unknown = argv.filter((word) => word !== '--check');
  if (unknown.length > 0) {
    process.stderr.write(`unknown argument ${unknown[0]}; usage: node scripts/rig-packages.mjs [--check]\n`);
    return 2;
  }
  const answer = ensureRigPackages({checkOnly: argv.includes('--check'), log: (line) => process.stderr.write(`${line}\n`)});
  if (answer.kind === 'missing') {
    process.stderr.write(`the test rig lacks Debian packages; as root:\n`);
    process.stdout.write(`${answer.line}\n`);
    return 3;
  }
  if (answer.kind === 'not-debian') {
    process.stderr.write(`the test rig needs Debian packages and there is no apt-get here: ${answer.missing.join(' ')}\n`);
    return 2;
  }
  return 0;
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    process.exitCode = main(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
