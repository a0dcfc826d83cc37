import {mkdirSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {projectRoot} from './bench-report.js';
import type {Contender} from './contest.js';
import type {FleetAccess} from './loopback-fleet.js';
import {findPeer} from './peers.js';

/** Everybody works on so many hosts at once. */
export const atOnce = 64;
/** Seconds that a login may take: on a busy machine nobody shall lose hosts by that. */
const patience = '60';

/** drover as an operator runs it, with records of its own. */
export function runDrover(
  folder: string,
  {inventory}: Pick<FleetAccess, 'inventory'>,
  ...words: readonly string[]
): Omit<Contender, 'name'> {
  const flags = ['--inventory', inventory, '--all', '--concurrency', String(atOnce)];
  const [command = '', ...rest] = words;
  return {
    command: [process.execPath, path.join(projectRoot, 'bin', 'run.js'), command, ...flags, ...rest],
    cwd: folder,
    env: {XDG_STATE_HOME: path.join(folder, 'state')},
  };
}

/** Everybody who can run `true` on all hosts; those that are not installed are left out. */
export function listRunners(folder: string, access: FleetAccess, {slowRounds}: {readonly slowRounds: number}): readonly Contender[] {
  mkdirSync(folder, {recursive: true});
  const {sshConfig, hostFile, hosts} = access;
  const cwd = folder;
  const many = String(atOnce);
  const ansible = (module: string): Omit<Contender, 'name'> => ({
    command: ['ansible', 'all', '-i', hostFile, '-f', many, '-m', module, '-a', 'true'],
    cwd,
    env: {ANSIBLE_CONFIG: writeAnsibleConfig(folder, sshConfig), ANSIBLE_HOME: path.join(folder, 'ansible')},
  });
  // TakTuk ends well whatever becomes of its hosts.
  const taktuk = `taktuk -c "ssh -F $1" -f "$2" broadcast exec [ true ] | grep -c 'Exited with status 0$' | grep -qx ${hosts.length}`;
  const all: readonly (Contender & {readonly needs?: string})[] = [
    {name: 'drover run', ...runDrover(folder, access, 'run', '--', 'true')},
    {
      name: 'clush',
      needs: 'clush',
      command: ['clush', '-S', '-f', many, '-t', patience, '-o', `-F ${sshConfig}`, '--hostfile', hostFile, 'true'],
      cwd,
    },
    {
      name: 'pdsh',
      needs: 'pdsh',
      command: ['pdsh', '-S', '-R', 'ssh', '-f', many, '-t', patience, '-w', `^${hostFile}`, 'true'],
      cwd,
      env: {PDSH_SSH_ARGS_APPEND: `-F ${sshConfig}`},
    },
    {
      name: 'pssh',
      needs: 'parallel-ssh',
      command: ['parallel-ssh', '-p', many, '-t', '0', '-x', `-F ${sshConfig}`, '-h', hostFile, 'true'],
      cwd,
    },
    {
      name: 'xargs -P ssh',
      needs: 'ssh',
      command: ['xargs', '-P', many, '-a', hostFile, '-I{}', 'ssh', '-n', '-F', sshConfig, '{}', 'true'],
      cwd,
    },
    {name: 'ansible raw', needs: 'ansible', ...ansible('raw')},
    {name: 'taktuk', needs: 'taktuk', rounds: slowRounds, command: ['sh', '-c', taktuk, 'sh', sshConfig, hostFile], cwd},
    {name: 'ansible command', needs: 'ansible', rounds: slowRounds, ...ansible('command')},
  ];
  return all
    .filter(({needs}) => needs === undefined || findPeer(needs, versionOf(needs)) !== undefined)
    .map(({needs, ...runner}) => ({...runner, mayFail: needs !== undefined}));
}

/** How a program is asked for its version. */
export function versionOf(program: string): string {
  return program === 'pdsh' || program === 'ssh' ? '-V' : '--version';
}

/** What is fastest for it: its arguments over the connection that it has, no probing for a Python. */
function writeAnsibleConfig(folder: string, sshConfig: string): string {
  const file = path.join(folder, 'ansible.cfg');
  const connection = `[ssh_connection]\nssh_args = -F ${sshConfig} -o ControlMaster=no\npipelining = True\n`;
  writeFileSync(file, `[defaults]\ninterpreter_python = /usr/bin/python3\ntimeout = ${patience}\n${connection}`);
  return file;
}
