import fs from 'node:fs';
import path from 'node:path';
import {DroverError} from '../errors/drover-error.js';
import {listIfThere, readIfThere, removeLeftovers, syncDirectory, writeDurably} from './durable-file.js';
import {readErrorCode} from './error-code.js';
import type {Digest, SnapshotId} from './manifest.js';

export const storeFormat = 1;

const folders = ['packs', 'objects', 'snapshots', 'parts', 'records', 'deltas', 'index', 'sources', 'quarantine', 'locks'] as const;

/** What a bucket's store keeps in the directory that is its cache; not made by a store of its own. */
export const bucketFolder = 'bucket';

/**
 * Where things lie in a store directory:
 *
 *     format               "drover-store 1"
 *     packs/<id>.pack      the bytes of many small files, one after another; <id>.idx tells where each lies
 *     objects/ab/<digest>  one large file
 *     snapshots/<id>       canonical manifests
 *     parts/               empty files <part>.<snapshot>: the snapshot that a part was cut from; its manifest is in snapshots/
 *     records/             one small file per app and snapshot: when, labels, counts
 *     deltas/              what was built for hosts; can be deleted at any time
 *     index/               what each source looked like last time; can be deleted at any time
 *     sources/             trees that are being brought in from archives and commands
 *     quarantine/          objects that were found damaged
 *     locks/               who saves, who prunes
 *     bucket/              what is known and was fetched of a bucket that this directory is the cache of; can be deleted at any time
 */
export class StoreLayout {
  readonly root: string;

  constructor(root: string) {
    this.root = path.resolve(root);
  }

  folder(name: (typeof folders)[number]): string {
    return path.join(this.root, name);
  }

  object(digest: Digest): string {
    return path.join(this.root, 'objects', digest.slice(0, 2), digest);
  }

  snapshot(id: SnapshotId): string {
    return path.join(this.root, 'snapshots', id);
  }

  /** False when nothing was ever saved here; throws when the directory is something else, or from a newer drover. */
  isInitialised(): boolean {
    const text = readIfThere(path.join(this.root, 'format'))?.toString('utf8');
    if (text === undefined) {
      const foreign = listIfThere(this.root).filter((name) => name !== bucketFolder && !folders.some((folder) => folder === name));
      if (foreign.length === 0) return false;
      throw this.#refuse(`${this.root} is not a store: it holds "${foreign[0]}" and no file "format"`, 'name an empty or a new directory');
    }
    const version = /^drover-store ([1-9][0-9]{0,5})\n$/.exec(text)?.[1];
    if (version === undefined)
      throw this.#refuse(
        `${this.root}/format is damaged: ${JSON.stringify(text.slice(0, 40))}`,
        `write "drover-store ${storeFormat}" into it`,
      );
    if (Number(version) > storeFormat) {
      throw this.#refuse(`store format ${version} of ${this.root} is newer than this drover knows (${storeFormat})`, 'upgrade drover');
    }
    return true;
  }

  /** Makes what is missing, finishes what a killed run began, and removes what it left. */
  prepare(nowMs: number): void {
    const fresh = !this.isInitialised();
    for (const name of folders) fs.mkdirSync(this.folder(name), {recursive: true});
    if (fresh) {
      writeDurably(path.join(this.root, 'format'), `drover-store ${storeFormat}\n`);
      syncDirectory(path.dirname(this.root));
    }
    removeLeftovers(this.root, nowMs);
    for (const name of folders) removeLeftovers(this.folder(name), nowMs);
  }

  #refuse(message: string, fix: string): DroverError {
    return new DroverError({code: 'invalid-file', message, file: this.root, fix});
  }

  /** Runs what writes into the store; a store that cannot be written is told as such. */
  async guard<Result>(write: () => Promise<Result>): Promise<Result> {
    try {
      return await write();
    } catch (error) {
      const code = readErrorCode(error);
      const reason = code === undefined ? undefined : unwritable[code];
      const at = error instanceof Error && 'path' in error && typeof error.path === 'string' ? error.path : this.root;
      if (reason === undefined || !at.startsWith(this.root)) throw error;
      throw new DroverError({
        code: 'invalid-file',
        message: `the store ${this.root} cannot be written: ${code === 'ENOSPC' ? nameShortage(this.root) : reason[0]} (${code})`,
        file: at,
        fix: reason[1],
      });
    }
  }
}

/** The system has one code for both shortages; what was in hand has been removed again by the time it is asked. */
function nameShortage(place: string): string {
  const {files, ffree, bavail, bsize} = fs.statfsSync(place);
  return files > 0 && ffree < fewInodes && bavail * bsize > muchSpaceBytes ? 'no inodes left' : 'no space left';
}

const fewInodes = 16;
const muchSpaceBytes = 1024 * 1024;

const unwritable: Readonly<Record<string, readonly [reason: string, fix: string]>> = {
  EACCES: ['permission denied', 'make it writable for you, or name another store'],
  EPERM: ['not permitted', 'make it writable for you, or name another store'],
  EROFS: ['read-only file system', 'name another store'],
  ENOSPC: ['no space left', 'free some: drover prune'],
  EDQUOT: ['quota exceeded', 'free some: drover prune'],
  ENOTDIR: ['part of its path is not a directory', 'name a directory'],
  EEXIST: ['something else has its name', 'name another store'],
  EIO: ['input/output error', 'check the disk'],
};
