import {spawnSync} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import {chmodSync, existsSync, mkdirSync, renameSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import type {Contender} from './contest.js';
import {makeProject} from './drover-project.js';
import type {PushFleet, PushHost} from './push-fleet.js';

/** Two states of one tree, and the hosts that take them. */
export interface PushStage {
  readonly fleet: PushFleet;
  readonly hosts: readonly PushHost[];
  readonly folder: string;
  readonly before: string;
  readonly after: string;
  /** The sshd's own unless told. */
  readonly port?: number;
}

/**
 * Puts away what is there of these names below the homes. Moved, not removed: a file system that has just freed half a million inodes is
 * slow to give them out again, and whoever came next would pay. All of it goes when the benchmark ends.
 */
export function putAside(hosts: readonly PushHost[], ...names: readonly string[]): void {
  for (const {home} of hosts) {
    for (const name of names) {
      const place = path.join(home, name);
      if (!existsSync(place)) continue;
      chmodSync(place, 0o755);
      renameSync(place, path.join(home, `aside-${randomBytes(6).toString('hex')}`));
    }
  }
}

const each = (hosts: readonly PushHost[], line: (host: PushHost) => string): string =>
  `set -e; pids=; ${hosts.map((host) => `{ ${line(host)}; } & pids="$pids $!"`).join('; ')}; for pid in $pids; do wait "$pid"; done`;

const quote = (words: readonly string[]): string => words.map((word) => `'${word}'`).join(' ');

/** Everybody who brings the first tree, and then the second, to all hosts at once. */
export function listPushers(stage: PushStage, peers: ReadonlyMap<string, string>): readonly Contender[] {
  const {fleet, hosts, folder, before, after, port} = stage;
  const drover = prepareDrover(stage);
  const rsync = (host: PushHost, source: string, target: string, more = ''): string =>
    `rsync -a ${more} -e "${fleet.ssh(host, port).join(' ')}" ${source}/ 127.0.0.1:${host.home}/${target}/`;
  const runAll = (name: string, line: (host: PushHost) => string, prepare: () => void): Contender => ({
    name,
    command: ['sh', '-c', each(hosts, line)],
    cwd: folder,
    prepare,
  });
  const archive = path.join(folder, 'tree.tgz');
  const targz: Contender = {
    name: 'tar.gz first',
    command: [
      'sh',
      '-c',
      `tar -C ${before} -czf ${archive} . && ${each(hosts, (host) => `${quote(fleet.ssh(host, port))} 127.0.0.1 'mkdir ~/tar && tar -xz -C ~/tar' <${archive}`)}`,
    ],
    cwd: folder,
    prepare: () => putAside(hosts, 'tar'),
  };
  const rsyncs = [
    runAll(
      'rsync first',
      (host) => rsync(host, before, 'rsync/a'),
      () => {
        putAside(hosts, 'rsync');
        for (const {home} of hosts) mkdirSync(path.join(home, 'rsync'));
      },
    ),
    runAll(
      'rsync two files',
      (host) => rsync(host, after, 'rsync/b', '--delete --link-dest=../a'),
      () => putAside(hosts, 'rsync/b'),
    ),
  ];
  const all = [targz, ...(peers.has('rsync') ? rsyncs : []), ...drover];
  // Nobody pays for what the one before left to be written: drover flushes the file system, which is that of all hosts.
  return all.map(({prepare, ...contender}) => ({
    ...contender,
    prepare: async () => {
      await prepare?.();
      spawnSync('sync');
    },
  }));
}

function prepareDrover({fleet, hosts, folder, before, after, port}: PushStage): readonly Contender[] {
  const project = makeProject(path.join(folder, 'project'), before);
  writeFileSync(path.join(project.folder, 'inventory.yml'), fleet.inventory(hosts.length, port === undefined ? {} : {port}));
  const [a, b] = [before, after].map((source) => takeSnapshot(project, source)) as [string, string];
  const forgetDeltas = (): void => {
    spawnSync('sh', ['-c', `rm -f ${path.join(project.store, 'deltas')}/*`]);
  };
  const push = (name: string, id: string, prepare: () => void): Contender => ({
    name,
    ...project.command('push', 'content', id, '--all', '--inventory-changed', '--concurrency', String(hosts.length)),
    prepare: () => {
      prepare();
      forgetDeltas();
    },
  });
  return [
    push('drover first', a, () => putAside(hosts, 'content')),
    push('drover two files', b, () => putAside(hosts, `content/releases/${b}`)),
  ];
}

type Project = ReturnType<typeof makeProject>;

/** The project's app is at `~/content`; gives the id of a snapshot of `source`. */
export function takeSnapshot(project: Project, source: string): string {
  writeFileSync(
    path.join(project.folder, 'drover.yml'),
    `inventory: inventory.yml\nstore: store\napps:\n  content: {source: ${JSON.stringify(source)}, root: ~/content, hosts: "role:web"}\n`,
  );
  const [program = '', ...words] = project.command('snapshot', 'content', '--json').command;
  const {status, stdout, stderr} = spawnSync(program, words, {cwd: project.folder, encoding: 'utf8'});
  const id = /"id": ?"([0-9a-f]{64})"/.exec(stdout)?.[1];
  if (status !== 0 || id === undefined) throw new Error(`no snapshot: ${stderr}${stdout}`);
  return id;
}

/** A second state of a tree: two files changed. */
export function changeTwoFiles(before: string, after: string): void {
  if (!existsSync(after)) spawnSync('cp', ['-a', before, after]);
  for (const name of ['README.md', 'package.json']) {
    const file = path.join(after, name);
    writeFileSync(file, `${spawnSync('cat', [path.join(before, name)]).stdout.toString()}\n`);
  }
}
