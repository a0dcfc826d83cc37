import {execFile, spawnSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {existsSync, mkdtempSync, symlinkSync} from 'node:fs';
import {chmod, chown, lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {promisify} from 'node:util';
import {afterAll, it} from 'vitest';
import {type Sent, sendDelta} from '../../src/lib/delivery/send-delta.js';
import {runChild} from '../../src/lib/host/child-exec.js';
import type {Fence} from '../../src/lib/host/fence.js';
import {HostApp} from '../../src/lib/host/host-app.js';
import type {Link} from '../../src/lib/host/link.js';
import type {StageRequest} from '../../src/lib/host/stage-request.js';
import {createSnapshot} from '../../src/lib/snapshot/create-snapshot.js';
import type {Encoding} from '../../src/lib/snapshot/delta-encoding.js';
import {openDirectoryStore} from '../../src/lib/snapshot/directory-store.js';
import type {SnapshotId} from '../../src/lib/snapshot/manifest.js';
import type {Delta} from '../../src/lib/snapshot/store.js';
import {makeHost, patiently, plainEnv} from './some-host.js';

export const isRoot = process.getuid?.() === 0;

/** A POSIX sh to run the verbs, and the user who runs it. */
export interface Shell {
  readonly name: string;
  readonly words: readonly [string, ...string[]];
  readonly env: NodeJS.ProcessEnv;
  readonly uid?: number;
}

/** All of BusyBox and nothing else on the PATH; Debian's lacks flock, so that one is the real. */
function installBusybox(): string | undefined {
  const folder = mkdtempSync(path.join(tmpdir(), 'drover-busybox-'));
  if (spawnSync('busybox', ['--install', '-s', folder]).status !== 0) return undefined;
  afterAll(() => rm(folder, {recursive: true, force: true}));
  const flock = path.join(folder, 'flock');
  if (!existsSync(flock)) symlinkSync('/usr/bin/flock', flock);
  spawnSync('chmod', ['755', folder]);
  return folder;
}

const has = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
const busybox = has('busybox') ? installBusybox() : undefined;

/** The shells of this machine that the verbs must run in. */
export const shells: readonly Shell[] = [
  {name: 'dash', words: ['dash'] as const, env: plainEnv()},
  {name: 'bash', words: ['bash', '--posix'] as const, env: plainEnv()},
  ...(busybox === undefined ? [] : [{name: 'busybox', words: [path.join(busybox, 'sh')] as const, env: plainEnv({PATH: busybox})}]),
  ...(isRoot && has('setpriv')
    ? [{name: 'dash for an ordinary user', words: ['dash'] as const, env: plainEnv({HOME: '/'}), uid: 65_534}]
    : []),
].filter((shell) => path.isAbsolute(shell.words[0]) || has(shell.words[0]));

/**
 * `it` for what another shell could do otherwise, once where it could do otherwise for an ordinary user is shown by a test beside it; and `it` for what
 * the words of the verbs make no difference to any more.
 */
export function itUnder(shell: Shell): {readonly eachShell: typeof it; readonly oneShell: typeof it} {
  return {eachShell: shell.uid === undefined ? it : noTest, oneShell: shell === shells[0] ? it : noTest};
}

/** A test that is not there: nobody left it out. */
const noTest = Object.assign(() => undefined, {each: () => () => undefined}) as unknown as typeof it;

/** A link that gives the verbs to `shell` instead of /bin/sh; `before` is shell text that runs first, as rc files do. */
export function linkWith(shell: Shell, {before = '', wrap = []}: {before?: string; wrap?: readonly string[]} = {}): Link {
  const user = shell.uid === undefined ? [] : ['setpriv', `--reuid=${shell.uid}`, `--regid=${shell.uid}`, '--clear-groups'];
  return {
    host: makeHost({link: 'local'}),
    kind: 'local',
    exec: (request) => {
      const command = before + request.command.replace('exec /bin/sh', `exec ${shell.words.join(' ')}`);
      const words = [...user, ...wrap, ...shell.words, '-c', command] as unknown as [string, ...string[]];
      return runChild(request, words, {env: shell.env, cwd: '/'});
    },
    dial: () => Promise.reject(new Error('nothing to dial')),
    close: async () => undefined,
  };
}

/** Content of a file, `{to}` a link, `{mode}` a folder; a file with a mode of its own is `{mode, text}`. */
export type TreeSpec = Readonly<Record<string, string | {readonly to: string} | {readonly mode: number; readonly text?: string}>>;

/** One app on one "host": a folder of this machine, and a store to send from. */
export class Site {
  readonly root: string;
  readonly app: HostApp;
  readonly link: Link;
  private readonly store;
  private trees = 0;

  private constructor(
    readonly folder: string,
    readonly shell: Shell,
  ) {
    this.root = path.join(folder, 'site');
    this.link = linkWith(shell);
    this.app = this.appOver(this.link);
    this.store = openDirectoryStore({path: path.join(folder, 'store'), now: () => Date.now()});
  }

  static async make(shell: Shell = shells[0] as Shell, below = tmpdir()): Promise<Site> {
    const folder = await mkdtemp(path.join(below, 'drover-site-'));
    const site = new Site(folder, shell);
    await mkdir(site.root, {mode: 0o755});
    await chmod(folder, 0o755);
    if (shell.uid !== undefined) await chown(site.root, shell.uid, shell.uid);
    return site;
  }

  /** Another host that is what this one is now: to stage and deploy again for each test would cost dozens of programs. */
  async copy(): Promise<Site> {
    const folder = await mkdtemp(path.join(path.dirname(this.folder), 'drover-site-'));
    await promisify(execFile)('cp', ['-a', `${this.folder}/.`, folder]);
    const copied = new Site(folder, this.shell);
    copied.trees = this.trees;
    return copied;
  }

  async remove(): Promise<void> {
    spawnSync('sh', ['-c', 'chmod -R u+rwX "$1" 2>/dev/null; rm -rf "$1"', 'sh', this.folder]);
  }

  appOver(link: Link): HostApp {
    return new HostApp(link, this.root, 'shop', patiently);
  }

  at(...parts: string[]): string {
    return path.join(this.root, ...parts);
  }

  /** A folder below the root that belongs to the user of the verbs. */
  async own(name: string): Promise<void> {
    await mkdir(this.at(name));
    if (this.shell.uid !== undefined) await chown(this.at(name), this.shell.uid, this.shell.uid);
  }

  /** Takes a snapshot of a tree. */
  async snapshot(spec: TreeSpec): Promise<SnapshotId> {
    const source = path.join(this.folder, `tree-${++this.trees}`);
    await mkdir(source);
    await writeTree(source, spec);
    return this.snapshotOf(source);
  }

  /** Takes a snapshot of a folder that is there. */
  async snapshotOf(source: string): Promise<SnapshotId> {
    const saved = await createSnapshot({
      source,
      app: 'shop',
      ignore: [],
      labels: {},
      store: this.store,
      now: () => Date.now(),
      signal: patiently,
      allowEmpty: true,
      sizeChanged: true,
    });
    return saved.record.id;
  }

  delta(base: SnapshotId | undefined, id: SnapshotId, encoding: Encoding = 'gzip'): Promise<Delta> {
    return this.store.delta(base, id, patiently, encoding);
  }

  async send(
    id: SnapshotId,
    {base, links = {}, app = this.app}: {base?: SnapshotId; links?: Record<string, string>; app?: HostApp} = {},
  ): Promise<Sent> {
    const delta = await this.delta(base, id);
    return sendDelta({host: app, delta, unpackedBytes: delta.unpackedBytes, links, onProgress: () => undefined});
  }

  /** Snapshot and send in one. */
  async stage(spec: TreeSpec, options: Parameters<Site['send']>[1] = {}): Promise<SnapshotId> {
    const id = await this.snapshot(spec);
    await this.send(id, options);
    return id;
  }

  request(delta: Delta): StageRequest {
    return {id: delta.snapshot, base: delta.base, delta, unpackedBytes: delta.unpackedBytes, files: delta.files};
  }

  /** The lease for a run from one release to another. */
  async lease(run: string, from: string | undefined, to: string, more: {ttl?: number; plan?: string} = {}): Promise<Fence> {
    const {ttl = 60, plan = `{"run":"${run}"}`} = more;
    return {run, epoch: await this.app.lease({run, owner: 'ana', reason: 'deploy "b"; $(x)', ttlSeconds: ttl, plan, from, to})};
  }

  /** A whole deploy. */
  async deploy(run: string, from: string | undefined, to: string): Promise<void> {
    const fence = await this.lease(run, from, to);
    await this.app.switchTo(fence, {from, to, confirmSeconds: 0, restart: ''});
    await this.app.confirm(fence, to);
    await this.app.release(fence, 'converged');
  }

  /** What `current` leads to; undefined when it leads nowhere. */
  async live(): Promise<string | undefined> {
    return readlink(this.at('current')).then(
      (target) => target.replace(/^releases\//, ''),
      () => undefined,
    );
  }

  /** Events of the host's journal, as `event detail`. */
  async events(): Promise<string[]> {
    const text = await readFile(this.at('.drover', 'journal'), 'utf8').catch(() => '');
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split(' ').slice(3).join(' ').trim());
  }
}

async function writeTree(folder: string, spec: TreeSpec): Promise<void> {
  for (const [name, what] of Object.entries(spec)) {
    const at = path.join(folder, name);
    if (typeof what === 'object' && 'mode' in what && what.text === undefined) await mkdir(at, {recursive: true});
    else await mkdir(path.dirname(at), {recursive: true});
    if (typeof what === 'string') await writeFile(at, what, {mode: 0o644});
    else if ('to' in what) await symlink(what.to, at);
    else if (what.text !== undefined) await writeFile(at, what.text);
  }
  for (const [name, what] of Object.entries(spec))
    if (typeof what === 'object' && 'mode' in what) await chmod(path.join(folder, name), what.mode);
}

/** Every path below a folder, as `mode text`, `mode/`, or `-> target`; sorted. */
export async function readTree(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(folder, {withFileTypes: true, recursive: true})) {
    const at = path.join(entry.parentPath, entry.name);
    const {mode} = await lstat(at);
    const octal = (mode & 0o7777).toString(8);
    const name = path.relative(folder, at);
    if (entry.isSymbolicLink()) found[name] = `-> ${await readlink(at)}`;
    else if (entry.isDirectory()) found[name] = `${octal}/`;
    else found[name] = `${octal} ${await readFile(at, 'utf8')}`;
  }
  return Object.fromEntries(Object.entries(found).sort(([a], [b]) => (a < b ? -1 : 1)));
}

export function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** What is left of transfers. */
export function listIncoming(site: Site): Promise<string[]> {
  return readdir(site.at('.drover', 'incoming'));
}
