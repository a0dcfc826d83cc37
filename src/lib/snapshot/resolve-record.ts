import {DroverError} from '../errors/drover-error.js';
import {listRecords} from './records.js';
import {parseIdPrefix} from './snapshot-id.js';
import type {SnapshotRecord} from './store.js';
import type {StoreLayout} from './store-layout.js';

const shownIds = 3;

function shorten({id}: SnapshotRecord): string {
  return id.slice(0, 12);
}

function showSome(records: readonly SnapshotRecord[]): string {
  const more = records.length > shownIds ? ', …' : '';
  return `${records.slice(0, shownIds).map(shorten).join(', ')}${more}`;
}

/** The record of an app that `text` names: an id, the start of one, or `latest`. */
export function resolveRecord(layout: StoreLayout, app: string, text: string): SnapshotRecord {
  return chooseRecord(listRecords(layout), app, text, layout.root);
}

/** As `resolveRecord`, among records that come newest first; `where` is the store as people know it. */
export function chooseRecord(all: readonly SnapshotRecord[], app: string, text: string, where: string): SnapshotRecord {
  const own = all.filter((record) => record.app === app);
  const take = `take one: drover snapshot ${app}`;
  const [latest] = own;
  if (text === 'latest') {
    if (latest === undefined) throw new DroverError({code: 'not-found', message: `app "${app}" has no snapshot in ${where}`, fix: take});
    return latest;
  }
  const prefix = parseIdPrefix(text);
  const found = own.filter(({id}) => id.startsWith(prefix));
  const [first, second] = found;
  if (first !== undefined && second === undefined) return first;
  if (second !== undefined) {
    throw new DroverError({
      code: 'usage',
      message: `snapshot "${text}" matches ${found.length} (${showSome(found)})`,
      fix: 'give more characters',
    });
  }
  const other = all.find(({id}) => id.startsWith(prefix));
  const place = other === undefined ? `is not in the store ${where}` : `is of app "${other.app}", not of "${app}"`;
  const fix = latest === undefined ? take : `use one of ${showSome(own)}, or ${take}`;
  throw new DroverError({code: 'not-found', message: `snapshot "${text}" ${place}`, fix});
}
