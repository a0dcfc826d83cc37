import {execFileSync} from 'node:child_process';
import {existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type {Section} from './bench-report.js';
import {holdContest, relate} from './contest.js';
import {atOnce, runDrover} from './fanout-peers.js';
import {startLoopbackFleet} from './loopback-fleet.js';
import type {Column} from './table.js';

/** A whole deploy of a few small files beside one `true`: reads, leases, stages, switches and confirms every host. */
export async function measureDeploy(
  folder: string,
  {count, rounds, columns, say}: {count: number; rounds: number; columns: readonly Column[]; say: (line: string) => void},
): Promise<{readonly section: Section; readonly ratio: number | undefined}> {
  // All hosts are on one disk, which would be what is measured: they flush it five times each.
  const memory = existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir();
  const homes = mkdtempSync(path.join(memory, 'drover-bench-'));
  // Each address is a home of its own, which `~` in the app's root then is.
  const enter = `set -- $SSH_CONNECTION; HOME=${homes}/$3; export HOME; exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"`;
  const fleet = await startLoopbackFleet(path.join(folder, 'deploy'), {config: [`ForceCommand ${enter}`]});
  try {
    const access = fleet.access(count);
    for (const host of access.hosts) mkdirSync(path.join(homes, host));
    const project = path.join(folder, 'project');
    const source = path.join(project, 'source');
    mkdirSync(source, {recursive: true});
    const drover = {...runDrover(project, access, 'run', '--', 'true'), name: 'drover run -- true'};
    const deploy = runDrover(project, access, 'deploy', '--yes');
    writeFileSync(
      path.join(project, 'drover.yml'),
      `inventory: ${access.inventory}
store: store
apps:
  content:
    source: source
    root: ~/content
    hosts: role:web
    roll: {waves: [100%], floor: 0, budget: 0, soak: 0s, confirm: 5m}
`,
    );
    let version = 0;
    const takeSnapshot = (): void => {
      version += 1;
      for (const name of ['index.html', 'about.html', 'style.css']) writeFileSync(path.join(source, name), `${name}, version ${version}\n`);
      const [program = '', script = ''] = deploy.command;
      execFileSync(program, [script, 'snapshot', 'content'], {cwd: project, env: {...process.env, ...deploy.env}, stdio: 'ignore'});
    };
    // What a host is on is part of a usual deploy; a first one has none.
    takeSnapshot();
    const rows = await holdContest(
      [{name: 'drover deploy, first', ...deploy, rounds: 1}, drover, {name: 'drover deploy', ...deploy, prepare: takeSnapshot}],
      {rounds, say, readServerCpuS: fleet.cpu.readS},
    );
    return {
      ratio: relate(rows, 'drover deploy', drover.name),
      section: {
        title: `A deploy of three small files to ${count} hosts, one wave, no drain`,
        columns,
        rows,
        note: `${atOnce} hosts at once. A deploy asks each host eight times and more: state, lease, room, bytes, commit, switch, confirm, release. The disks of the hosts are ${memory === '/dev/shm' ? 'memory, because they would otherwise be one disk' : 'one disk'}.`,
      },
    };
  } finally {
    await fleet.stop();
    execFileSync('chmod', ['-R', 'u+w', homes]);
    rmSync(homes, {recursive: true, force: true});
  }
}
