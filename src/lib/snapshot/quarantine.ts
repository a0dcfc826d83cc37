import fs from 'node:fs';
import path from 'node:path';
import {DroverError} from '../errors/drover-error.js';
import {listIfThere, writeDurably} from './durable-file.js';
import {readErrorCode} from './error-code.js';
import type {Digest} from './manifest.js';
import type {DamagedObject} from './store.js';
import type {StoreLayout} from './store-layout.js';

export interface Damage {
  readonly digest: Digest;
  readonly why: DamagedObject['why'];
  /** The pack it lies in, undefined for an object of its own file. */
  readonly pack?: string;
  /** What its bytes hash to, where they could be read. */
  readonly actual?: string;
}

/** The name under which the copy of an object in one pack is known to be bad. */
export function nameQuarantined(digest: Digest, pack: string | undefined): string {
  return `${digest}.${pack ?? 'object'}`;
}

/** Puts a bad copy aside, so that the next snapshot that needs it stores it anew. A packed copy stays where it is, marked. */
function quarantine(layout: StoreLayout, {digest, why, pack}: Damage): void {
  fs.mkdirSync(layout.folder('quarantine'), {recursive: true});
  const aside = path.join(layout.folder('quarantine'), nameQuarantined(digest, pack));
  if (pack === undefined && fs.lstatSync(layout.object(digest), {throwIfNoEntry: false}) !== undefined) {
    fs.renameSync(layout.object(digest), aside);
  } else {
    writeDurably(aside, `${why}\n`);
  }
}

/** Says that no copy of an object is left, so that nobody takes it for held; the next snapshot that needs it stores it anew. */
export function markLost(layout: StoreLayout, digest: Digest): void {
  const mark = path.join(layout.folder('quarantine'), nameQuarantined(digest, undefined));
  if (fs.lstatSync(mark, {throwIfNoEntry: false}) === undefined) writeDurably(mark, 'missing\n');
}

/** Takes back what was said of copies that have been written anew. */
export function forgetQuarantined(layout: StoreLayout, names: Iterable<string>): void {
  const there = new Set(listIfThere(layout.folder('quarantine')));
  if (there.size === 0) return;
  for (const name of names) {
    if (there.has(name)) fs.rmSync(path.join(layout.folder('quarantine'), name), {force: true, recursive: true});
  }
}

/** Puts a bad copy aside where the store can be written, and says whether. */
export function setAside(layout: StoreLayout, damage: Damage): string {
  try {
    quarantine(layout, damage);
    return 'quarantined';
  } catch (error) {
    const code = readErrorCode(error);
    if (code === undefined) throw error;
    return `could not be quarantined (${code})`;
  }
}

/** Puts a bad copy aside; the failure to tell. */
export function reportDamage(layout: StoreLayout, damage: Damage): DroverError {
  const {digest, why, actual} = damage;
  const fact = actual === undefined ? `it is ${why}` : `content hash is ${actual.slice(0, 12)}`;
  return new DroverError({
    code: 'integrity',
    message: `object ${digest.slice(0, 12)}: ${fact}; ${setAside(layout, damage)}`,
    file: layout.root,
    fix: 'rebuild it from its source: drover snapshot',
  });
}
