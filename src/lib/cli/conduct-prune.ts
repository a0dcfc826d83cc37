import {DroverError} from '../errors/drover-error.js';
import {printable} from '../errors/printable.js';
import {type PruneResult, pruneApps} from '../operations/prune-apps.js';
import {formatBytes} from '../report/quantity.js';
import type {KeptLabel} from '../snapshot/prune-policy.js';
import type {Answer} from './answer.js';
import {conductRun, type RunFlags} from './conduct-run.js';
import {chooseApp, loadBoth, type ProjectFlags} from './load-project.js';
import {openStore} from './open-store.js';

export type PruneFlags = ProjectFlags &
  RunFlags & {
    readonly keep: number;
    readonly 'keep-days'?: number | undefined;
    readonly 'keep-label': readonly string[];
    readonly 'without-hosts'?: string | undefined;
    readonly 'dry-run': boolean;
  };

const dayMs = 86_400_000;

/** `drover prune`: of one app, or of every app of the project. */
export async function conductPrune(appName: string | undefined, flags: PruneFlags, env: NodeJS.ProcessEnv): Promise<Answer> {
  const keepLabels = flags['keep-label'].map(readKeptLabel);
  const without = readWithout(flags);
  const {project, inventory} = await loadBoth(flags, env, AbortSignal.timeout(60_000));
  const apps = appName === undefined ? [...project.apps.values()] : [chooseApp(project, appName)];
  const days = flags['keep-days'];
  const policy = {keep: flags.keep, keepLabels, ...(days === undefined ? {} : {keepWithinMs: days * dayMs})};
  const store = openStore(project);
  let result: PruneResult | undefined;
  const done = (): PruneResult => {
    if (result === undefined) throw new DroverError({code: 'interrupted', message: 'interrupted; the store is whole'});
    return result;
  };
  return conductRun({
    command: 'prune',
    project,
    inventory,
    flags,
    env,
    work: async ({world}) => {
      const {result: pruned, end} = await pruneApps(world, {apps, store, policy, without, dryRun: flags['dry-run']});
      result = pruned;
      return end;
    },
    render: () => renderPruned(done(), flags['dry-run']),
    json: () => {
      const {pruned, asked, unasked} = done();
      return {schemaVersion: 1, dryRun: flags['dry-run'], ...pruned, kept: pruned.kept.length, hostsAsked: asked, hostsNotAsked: unasked};
    },
  });
}

function renderPruned({pruned, asked, unasked}: PruneResult, dryRun: boolean): string {
  const {records, kept, freedBytes, unneededBytes = 0, localFreedBytes = 0} = pruned;
  const lines = records.map(({id, app, createdAt, labels}) => {
    const notes = Object.entries(labels).map(([name, value]) => ` ${name}=${value}`);
    return printable(`${id.slice(0, 12)} ${app} ${createdAt.slice(0, 10)}${notes.join('')}`);
  });
  const verb = dryRun ? 'would go' : 'gone';
  const freed = dryRun ? `would free about ${formatBytes(freedBytes)}` : `freed ${formatBytes(freedBytes)}`;
  const left =
    unneededBytes === 0 ? '' : `; ${formatBytes(unneededBytes)} that nothing needs stay: younger than a day, or packed with what is needed`;
  const local = localFreedBytes === 0 ? '' : `; ${formatBytes(localFreedBytes)} on this machine`;
  const hosts = `${asked} hosts asked${unasked.length === 0 ? '' : `, not ${unasked.join(', ')}`}`;
  return `${[...lines, `${records.length} ${verb}, ${kept.length} stay; ${freed}${local}${left}; ${hosts}`].join('\n')}\n`;
}

function readKeptLabel(word: string): KeptLabel {
  const match = /^([A-Za-z0-9][A-Za-z0-9._-]{0,62})(?:=(.{0,200}))?$/.exec(word);
  if (match?.[1] !== undefined) return {name: match[1], ...(match[2] === undefined ? {} : {value: match[2]})};
  throw new DroverError({
    code: 'usage',
    message: `--keep-label ${JSON.stringify(word)} is neither a name nor name=value`,
    fix: 'for example --keep-label milestone or --keep-label ref=v1',
  });
}

function readWithout(flags: PruneFlags): ReadonlySet<string> {
  const names = (flags['without-hosts'] ?? '').split(',').filter((name) => name !== '');
  if (names.length > 0 && flags.reason.trim() === '')
    throw new DroverError({code: 'refused', message: '--without-hosts wants a reason for the record', fix: 'add --reason "…"'});
  return new Set(names);
}
