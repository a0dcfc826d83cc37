import {existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, statSync, utimesSync} from 'node:fs';
import path from 'node:path';
import {emptyState, type ModelLease, type ModelRun, type ModelState, type Watcher} from './model-state.js';

const unfinished = /\.tmp\.\d+$/;

/** What is really on the disk of a host, read without any verb. `watchers` is the file to which the stand-in for setsid writes. */
export function observeHost(root: string, watchers: string): ModelState {
  const state = path.join(root, '.drover');
  const seen = emptyState();
  seen.litter = listLitter(root);
  if (!existsSync(state)) return seen;
  seen.epoch = Number(readText(path.join(state, 'epoch')) ?? 0);
  seen.lease = readLease(path.join(state, 'lease'));
  seen.live = readLive(path.join(root, 'current'));
  for (const name of listNames(path.join(root, 'releases')))
    seen.folders[name] = (statSync(path.join(root, 'releases', name)).mode & 0o777) === 0o555 ? 'sealed' : 'open';
  seen.manifests = listNames(path.join(state, 'manifests')).filter((name) => /^[0-9a-f]+$/.test(name));
  seen.journal = readLines(path.join(state, 'journal')).map((line) => line.slice(line.indexOf(' ') + 1));
  seen.pins = readPins(path.join(state, 'pins'));
  for (const nonce of listNames(path.join(state, 'plans'))) {
    const [run = '', , again, owner = ''] = (readText(path.join(state, 'plans', nonce)) ?? '').split(' ');
    seen.plans[nonce] = {run, again: again === '-' ? undefined : Number(again), owner};
  }
  for (const run of listNames(path.join(state, 'runs'))) seen.runs[run] = readRun(path.join(state, 'runs', run));
  for (const release of listNames(path.join(state, 'parts'))) seen.parts[release] = readLines(path.join(state, 'parts', release));
  for (const name of listNames(path.join(state, 'incoming'))) {
    const at = path.join(state, 'incoming', name);
    if (name.endsWith('.delta')) seen.deltas[name.slice(0, -6)] = statSync(at).size;
    if (name.endsWith('.base')) seen.bases[name.slice(0, -5)] = readText(at) ?? '';
  }
  seen.ballast = existsSync(path.join(state, 'ballast'));
  seen.watchers = readLines(watchers).map((line): Watcher => {
    const [run = '', from = '', to = '', token = ''] = line.split('|');
    return {run, from, to, token};
  });
  return seen;
}

export function thisBoot(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

function readText(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8').replace(/\n$/, '') : undefined;
}

export function readLines(file: string): string[] {
  return (readText(file) ?? '').split('\n').filter((line) => line !== '');
}

/** Names in a folder, without unfinished files. */
function listNames(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => !unfinished.test(name))
    .sort();
}

function readLease(file: string): ModelLease | undefined {
  const text = readText(file);
  if (text === undefined) return undefined;
  const values = new Map(text.split('\n').map((line): [string, string] => [line.split('=')[0] ?? '', line.slice(line.indexOf('=') + 1)]));
  const uptime = Number(readFileSync('/proc/uptime', 'utf8').split('.')[0]);
  const [run = '', owner = '', reason = ''] = ['run', 'owner', 'reason'].map((name) => values.get(name));
  const alive = values.get('boot') === thisBoot() && Number(values.get('until')) > uptime;
  return {run, epoch: Number(values.get('epoch')), owner, reason, alive};
}

function readLive(link: string): string {
  return lstatSync(link, {throwIfNoEntry: false}) === undefined ? '' : readlinkSync(link).replace(/^releases\//, '');
}

function readRun(folder: string): ModelRun {
  const text = (name: string): string | undefined => readText(path.join(folder, name));
  const armed = text('armed');
  const run = {
    plan: text('plan'),
    ended: text('ended') === undefined ? undefined : true,
    decision: text('decision') || undefined,
    armed: armed === undefined ? undefined : armed === thisBoot() ? 'now' : 'earlier',
    watch: text('watch'),
    restart: text('restart'),
    token: text('token'),
  };
  return Object.fromEntries(Object.entries(run).filter(([, value]) => value !== undefined)) as ModelRun;
}

/** Oldest first. They are put a second apart, because BusyBox orders files by whole seconds. */
function readPins(folder: string): ModelState['pins'] {
  const files = listNames(folder).map((name) => ({name, at: statSync(path.join(folder, name), {bigint: true}).mtimeNs}));
  files.sort((a, b) => (a.at < b.at ? -1 : 1));
  return files.map(({name}, index) => {
    utimesSync(path.join(folder, name), 1_000_000_000 + index, 1_000_000_000 + index);
    const [head = '', owner = '', why = ''] = (readText(path.join(folder, name)) ?? '').split('\t');
    const [, run = '', snapshot = ''] = head.split(' ');
    return {release: name, run, snapshot, owner, why};
  });
}

/** What no verb that ended may leave. */
function listLitter(root: string): string[] {
  const state = path.join(root, '.drover');
  const inside = (folder: string, is: (name: string) => boolean): string[] =>
    existsSync(folder)
      ? readdirSync(folder).flatMap((name) => (is(name) ? [`${path.relative(state, folder)}/${name.replace(/[.-]\d+$/, '')}`] : []))
      : [];
  const folders = ['', 'pins', 'plans', 'parts', 'manifests', ...listNames(path.join(state, 'runs')).map((run) => `runs/${run}`)];
  return [
    ...inside(root, (name) => name.startsWith('.drover-next')),
    ...folders.flatMap((folder) => inside(path.join(state, folder), (name) => unfinished.test(name))),
    ...inside(path.join(state, 'incoming'), (name) => !/\.(delta|base|links|lock|holder)$/.test(name)),
  ].sort();
}
