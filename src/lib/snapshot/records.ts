import {createHash} from 'node:crypto';
import path from 'node:path';
import {DroverError} from '../errors/drover-error.js';
import {listIfThere, readIfThere, writeDurably} from './durable-file.js';
import type {Secret} from './likely-secrets.js';
import type {Manifest, SnapshotId} from './manifest.js';
import type {SnapshotRecord} from './store.js';
import type {StoreLayout} from './store-layout.js';

/** JSON with the digest of its own content: `{"value": …, "sha256": "…"}`. */
export function sealText(value: object): string {
  const text = JSON.stringify(value);
  return `{"value":${text},"sha256":"${createHash('sha256').update(text).digest('hex')}"}\n`;
}

export function writeSealed(file: string, value: object): void {
  writeDurably(file, sealText(value));
}

/** What `writeSealed` wrote; undefined when there is no such file, `integrity` when it was altered. */
export function readSealed(file: string): unknown {
  const text = readIfThere(file)?.toString('utf8');
  if (text === undefined) return undefined;
  const [, value = '', sum] = /^\{"value":(.*),"sha256":"([0-9a-f]{64})"\}\n$/s.exec(text) ?? [];
  if (sum !== createHash('sha256').update(value).digest('hex')) {
    throw new DroverError({
      code: 'integrity',
      message: 'the file was altered: its digest does not match',
      file,
      fix: 'delete it, then take the snapshot again',
    });
  }
  return JSON.parse(value);
}

/** One app's record of a snapshot; the same tree may be recorded for several apps. */
export function nameRecord(layout: StoreLayout, app: string, id: SnapshotId): string {
  return path.join(layout.folder('records'), `${id}.${encodeURIComponent(app)}.json`);
}

export function readRecord(layout: StoreLayout, app: string, id: SnapshotId): SnapshotRecord | undefined {
  return readSealed(nameRecord(layout, app, id)) as SnapshotRecord | undefined;
}

export function writeRecord(layout: StoreLayout, record: SnapshotRecord): void {
  writeSealed(nameRecord(layout, record.app, record.id), record);
}

/** What is recorded of a snapshot besides what can be counted. `embargoUntil: null` lifts an embargo. */
export type RecordDetails = Pick<SnapshotRecord, 'note' | 'sources' | 'origins'> & {readonly embargoUntil?: string | null};

/** The same tree saved again is the newest again: labels add up, note and embargo stay until others are given. */
export function makeRecord(
  earlier: SnapshotRecord | undefined,
  {id, files, bytes}: Manifest,
  more: {
    readonly app: string;
    readonly labels: SnapshotRecord['labels'];
    readonly details: RecordDetails;
    readonly secrets: readonly Secret[];
    readonly at: Date;
  },
): SnapshotRecord {
  const {app, labels, secrets, at} = more;
  const {note = earlier?.note, embargoUntil = earlier?.embargoUntil, sources, origins} = more.details;
  return {
    id,
    app,
    createdAt: at.toISOString(),
    labels: {...earlier?.labels, ...labels},
    files,
    bytes,
    ...(note === undefined ? {} : {note}),
    ...(embargoUntil === undefined || embargoUntil === null ? {} : {embargoUntil}),
    ...(sources === undefined ? {} : {sources}),
    ...(origins === undefined ? {} : {origins}),
    ...(secrets.length === 0 ? {} : {secrets}),
  };
}

/** What was found in the files of a snapshot when they were read, for whatever app. */
export function recallSecrets(layout: StoreLayout, id: SnapshotId): readonly Secret[] {
  return listRecords(layout).find((record) => record.id === id)?.secrets ?? [];
}

/** All records, newest first. */
export function listRecords(layout: StoreLayout): readonly SnapshotRecord[] {
  return listIfThere(layout.folder('records'))
    .map((name) => readSealed(path.join(layout.folder('records'), name)) as SnapshotRecord | undefined)
    .filter((record) => record !== undefined)
    .sort((a, b) => compareText(b.createdAt, a.createdAt) || compareText(a.app, b.app) || compareText(a.id, b.id));
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
