import {printable} from '../errors/printable.js';
import type {App, Project} from '../inventory/app.js';
import {formatBytes} from '../report/quantity.js';
import {type Change, diffManifests} from '../snapshot/diff.js';
import type {Entry} from '../snapshot/manifest.js';
import type {DamagedObject} from '../snapshot/store.js';
import type {Answer} from './answer.js';
import {openStore} from './open-store.js';
import {describeEntry, describeLabels, describeNote, describeSource, nameOrigins, shortTime} from './record-text.js';
import type {Terminal} from './terminal.js';

const shortId = (id: string): string => id.slice(0, 12);

export async function listSnapshots(project: Project, app: App | undefined, terminal: Terminal): Promise<Answer> {
  const records = (await openStore(project).list())
    .filter((record) => app === undefined || record.app === app.name)
    .sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
  // Drawing is loaded by those alone who draw: taking a snapshot is to start at once.
  const {renderTable} = await import('../report/table.js');
  const text = renderTable({
    columns: [
      {title: 'SNAPSHOT', shrinks: false},
      {title: 'APP'},
      {title: 'TAKEN', shrinks: false},
      {title: 'FILES', align: 'right', shrinks: false},
      {title: 'SIZE', align: 'right', shrinks: false},
      {title: 'LABELS'},
      {title: 'NOTE'},
    ],
    rows: records.map((record) => [
      shortId(record.id),
      record.app,
      shortTime(record.createdAt),
      String(record.files),
      formatBytes(record.bytes),
      describeLabels(record),
      describeNote(record),
    ]),
    colour: terminal.outColour,
    ...(terminal.outColumns === undefined ? {} : {width: terminal.outColumns}),
  });
  return {text, json: {schemaVersion: 1, snapshots: records}, exit: 0};
}

export async function showSnapshot(project: Project, app: App, snapshot: string, files: boolean): Promise<Answer> {
  const store = openStore(project);
  const record = await store.resolve(app.name, snapshot);
  const manifest = await store.manifest(record.id);
  const kinds = (kind: Entry['kind']): number => manifest.entries.filter((entry) => entry.kind === kind).length;
  const origins = nameOrigins(record);
  const lines = [
    `snapshot ${record.id}`,
    `app      ${record.app}`,
    `taken    ${record.createdAt}`,
    `files    ${record.files}, ${formatBytes(record.bytes)}; ${kinds('directory')} folders, ${kinds('link')} links`,
    ...(Object.keys(record.labels).length === 0 ? [] : [`labels   ${describeLabels(record)}`]),
    ...(record.note === undefined ? [] : [`note     ${record.note}`]),
    ...(record.embargoUntil === undefined ? [] : [`embargo  not before ${shortTime(record.embargoUntil)} UTC`]),
    ...(record.sources ?? []).map((source) => `source   ${describeSource(source)}`),
    ...(record.secrets ?? []).map(({path, what}) => `secret   "${path}" ${what}`),
    ...(files ? manifest.entries.map((entry, index) => describeEntry(entry, origins[index])) : []),
  ];
  return {
    text: `${lines.map((line) => printable(line)).join('\n')}\n`,
    json: {
      schemaVersion: 1,
      ...record,
      ...(files ? {entries: manifest.entries.map((entry, index) => addOrigin(entry, origins[index]))} : {}),
    },
    exit: 0,
  };
}

export async function diffSnapshots(project: Project, app: App, before: string, after: string): Promise<Answer> {
  const store = openStore(project);
  const [one, other] = [await store.resolve(app.name, before), await store.resolve(app.name, after)];
  const diff = diffManifests(await store.manifest(one.id), await store.manifest(other.id));
  const summary = `${diff.added} added, ${diff.removed} removed, ${diff.changed} changed; ${formatBytes(diff.bytes)} of new content`;
  const text = `${[...diff.changes.map(describeChange), summary].map((line) => printable(line)).join('\n')}\n`;
  return {text, json: {schemaVersion: 1, before: one.id, after: other.id, ...diff}, exit: 0};
}

/** Exit 9 while anything is missing or damaged; with `roots`, what they hold is brought back first. */
export async function verifySnapshots(
  project: Project,
  {app, snapshot, roots}: {readonly app: App | undefined; readonly snapshot: string | undefined; readonly roots?: readonly string[]},
  signal: AbortSignal,
): Promise<Answer> {
  const store = openStore(project);
  const id = snapshot === undefined || app === undefined ? undefined : (await store.resolve(app.name, snapshot)).id;
  const damaged = await store.verify(id, signal);
  if (damaged.length === 0) {
    const text = id === undefined ? 'the store is whole\n' : `${shortId(id)} is whole\n`;
    return {text, json: {schemaVersion: 1, ok: true, damaged}, exit: 0};
  }
  if (roots === undefined) {
    const advice = `${damaged.length} objects are missing or damaged; bring them back: drover snapshot verify --repair`;
    return {text: `${damaged.map(describeDamage).join('\n')}\n${advice}\n`, json: {schemaVersion: 1, ok: false, damaged}, exit: 9};
  }
  const {repaired, lost} = await store.repair(damaged, roots, signal);
  const lines = [
    ...repaired.map((each) => `repaired ${describeDamage(each)}`),
    ...lost.map((each) => `lost ${describeDamage(each)}`),
    lost.length === 0
      ? `${repaired.length} repaired`
      : `${repaired.length} repaired, ${lost.length} lost: no source given holds these bytes`,
  ];
  const json = {schemaVersion: 1, ok: lost.length === 0, damaged, repaired, lost};
  return {text: `${lines.join('\n')}\n`, json, exit: lost.length === 0 ? 0 : 9};
}

function describeDamage({digest, why, paths}: DamagedObject): string {
  return printable(`${digest.slice(0, 16)} ${why}: ${paths.join(', ')}`);
}

function addOrigin(entry: Entry, source: string | undefined): Entry & {readonly source?: string} {
  return source === undefined ? entry : {...entry, source};
}

function describeChange(change: Change): string {
  switch (change.kind) {
    case 'added':
      return `+ ${change.entry.path}`;
    case 'removed':
      return `- ${change.entry.path}`;
    case 'changed':
      return `~ ${change.after.path}${change.what === 'content' ? '' : ` (${change.what})`}`;
  }
}
