import {DroverError} from '../errors/drover-error.js';
import {parseRunId} from '../events/run-id.js';
import {foldHostSet} from '../inventory/folded-hosts.js';
import {type LeaseReport, type LeaseRow, readLeases, releaseLeases} from '../operations/read-leases.js';
import {renderTable} from '../report/table.js';
import type {Answer} from './answer.js';
import {conductRun, type RunFlags} from './conduct-run.js';
import {chooseApp, type Loaded, loadBoth, type ProjectFlags} from './load-project.js';
import {inspectTerminal, type Terminal} from './terminal.js';

type Flags = ProjectFlags & RunFlags;

async function load(appName: string | undefined, flags: Flags, env: NodeJS.ProcessEnv) {
  const loaded: Loaded = await loadBoth(flags, env, AbortSignal.timeout(60_000));
  return {...loaded, apps: appName === undefined ? [...loaded.project.apps.values()] : [chooseApp(loaded.project, appName)]};
}

/** `drover lease`: who has which hosts. */
export async function conductLease(appName: string | undefined, flags: Flags, env: NodeJS.ProcessEnv): Promise<Answer> {
  const {project, inventory, apps} = await load(appName, flags, env);
  let report: LeaseReport | undefined;
  const done = (): LeaseReport => report ?? interrupted();
  return conductRun({
    ...{command: 'lease', readsOnly: true, project, inventory, flags, env},
    work: async ({world}) => {
      const read = await readLeases(world, apps);
      report = read.report;
      return read.end;
    },
    render: () => renderLeases(done(), inspectTerminal(env)),
    json: () => ({schemaVersion: 1, ...done()}),
  });
}

/** `drover lease release --id RUN`. */
export async function conductLeaseRelease(
  appName: string | undefined,
  flags: Flags & {readonly id: string; readonly takeover: boolean},
  env: NodeJS.ProcessEnv,
): Promise<Answer> {
  const run = parseRunId(flags.id);
  if (flags.takeover && flags.reason.trim() === '')
    throw new DroverError({code: 'refused', message: '--takeover wants a reason for the record', fix: 'add --reason "…"'});
  const {project, inventory, apps} = await load(appName, flags, env);
  let freed: readonly {readonly app: string; readonly host: string}[] | undefined;
  const done = (): readonly {readonly app: string; readonly host: string}[] => freed ?? interrupted();
  return conductRun({
    ...{command: 'lease', project, inventory, flags, env},
    work: async ({world}) => {
      const ended = await releaseLeases(world, {apps, run, takeover: flags.takeover});
      freed = ended.freed;
      return ended.end;
    },
    render: () => `lease ${run} ended on ${foldHostSet(done().map(({host}) => host))}; what is left of the run: drover resume ${run}\n`,
    json: () => ({schemaVersion: 1, run, freed: done()}),
  });
}

function interrupted(): never {
  throw new DroverError({code: 'interrupted', message: 'interrupted before every host was asked'});
}

function renderLeases({leases, silent}: LeaseReport, terminal: Terminal): string {
  const groups = new Map<string, [LeaseRow, ...LeaseRow[]]>();
  for (const lease of leases) {
    const key = JSON.stringify([lease.app, lease.silo, lease.run, lease.owner, lease.leftSeconds > 0]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [lease]);
    else group.push(lease);
  }
  const rows = [...groups.values()].map((group) => {
    const [first] = group;
    const left = Math.max(...group.map(({leftSeconds}) => leftSeconds));
    const heard = Math.min(...group.map(({silentSeconds}) => silentSeconds ?? Number.POSITIVE_INFINITY));
    return [
      first.app,
      first.silo,
      foldHostSet(group.map(({host}) => host)),
      first.run,
      first.owner,
      first.since === '' ? '-' : first.since.slice(0, 19).replace('T', ' '),
      left > 0 ? `in ${left} s` : {text: 'run out', paint: 'warn' as const},
      Number.isFinite(heard) ? `${heard} s ago` : '-',
      first.reason,
    ];
  });
  const table = renderTable({
    columns: [
      {title: 'APP', shrinks: false},
      {title: 'SILO', shrinks: false},
      {title: 'HOSTS'},
      {title: 'ID', shrinks: false},
      {title: 'BY'},
      {title: 'SINCE', shrinks: false},
      {title: 'ENDS', shrinks: false},
      {title: 'HEARTBEAT', shrinks: false},
      {title: 'REASON'},
    ],
    rows,
    colour: terminal.outColour,
    ...(terminal.outColumns === undefined ? {} : {width: terminal.outColumns}),
  });
  const unseen = silent.length === 0 ? '' : `no answer: ${foldHostSet(silent.map(({host}) => host))}\n`;
  return `${rows.length === 0 ? 'no host is leased\n' : table}${unseen}`;
}
