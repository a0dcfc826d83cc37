import {spawnSync} from 'node:child_process';
import {readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import type {Section} from './bench-report.js';
import {atOnce, runDrover} from './fanout-peers.js';
import {startLoopbackFleet} from './loopback-fleet.js';
import {findPeer} from './peers.js';

/** As many hosts behind one address, whose sshd drops logins as it does by default (MaxStartups 10:30:100). */
export async function countThroughOneDoor(folder: string, count: number): Promise<{readonly section: Section; readonly reached: number}> {
  const fleet = await startLoopbackFleet(path.join(folder, 'door'), {config: ['MaxStartups 10:30:100']});
  try {
    const {sshConfig} = fleet.access(1);
    const place = path.join(folder, 'door');
    const names = Array.from({length: count}, (_, index) => `web${index + 1}`);
    const [hostFile, inventory, config] = ['names', 'inventory.yml', 'ssh_config'].map((name) => path.join(place, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(hostFile, names.map((name) => `${name}\n`).join(''));
    writeFileSync(config, `Host web*\n  HostName 127.1.0.1\n${readFileSync(sshConfig, 'utf8')}`);
    writeFileSync(inventory, `hosts:\n  web[1-${count}]: {silo: one, role: web}\nssh: {config: ${config}, connect_timeout: 60s}\n`);
    const clush = {
      name: 'clush',
      command: ['clush', '-f', String(atOnce), '-o', `-F ${config}`, '--hostfile', hostFile, 'echo', 'here'],
      cwd: place,
      env: {},
    };
    const drover = {name: 'drover run', env: {}, ...runDrover(place, {inventory}, 'run', '--labels', '--', 'echo', 'here')};
    const rows = (findPeer('clush') === undefined ? [drover] : [drover, clush]).map(
      ({name, command: [program = '', ...words], cwd, env}) => {
        const startedMs = performance.now();
        const {stdout} = spawnSync(program, words, {cwd, env: {...process.env, ...env}, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024});
        const wallS = (performance.now() - startedMs) / 1000;
        return {name, wallS, reached: stdout.match(/^web\d+: here$/gm)?.length ?? 0, of: count};
      },
    );
    return {
      reached: (rows[0]?.reached ?? 0) / count,
      section: {
        title: `${count} hosts behind one address with the default MaxStartups`,
        columns: [
          {key: 'name', title: 'program'},
          {key: 'reached', title: 'hosts reached'},
          {key: 'of', title: 'of'},
          {key: 'wallS', title: 'wall s', digits: 2},
        ],
        rows,
        note: `Both work on ${atOnce} hosts at once; drover logs in to one address eight times at once at most, and tries again what was dropped before the login.`,
      },
    };
  } finally {
    await fleet.stop();
  }
}
