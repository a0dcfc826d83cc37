import {lstat, mkdir, mkdtemp, readdir, rename, rm} from 'node:fs/promises';
import path from 'node:path';
import {PassThrough, Readable} from 'node:stream';
import {boundTransfer} from '../delivery/transfer-bound.js';
import {DroverError} from '../errors/drover-error.js';
import {type CopyTarget, getCopy, putCopy, readTarget} from '../host/host-copy.js';
import type {Link} from '../host/link.js';
import type {Host} from '../inventory/host.js';
import type {CopiedTree} from '../snapshot/copied-tree.js';
import {unpackTar} from '../snapshot/unpack-tar.js';
import {type CopyEnd, type CopyOptions, copyEverywhere} from './copy-everywhere.js';
import {useLink} from './on-host.js';
import type {RunEnd} from './run-end.js';
import type {World} from './world.js';

/** Entries of a tree that a host may send at most. */
const maxEntries = 1_000_000;

/** Puts one file or tree on every host; those that have it already are left alone. */
export function copyToHosts(
  world: World,
  {tree, to, merge, ...options}: CopyOptions & {readonly tree: CopiedTree; readonly to: string; readonly merge: boolean},
): Promise<RunEnd> {
  const {digest, mode} = tree;
  const target: CopyTarget = {
    path: to,
    kind: tree.kind === 'tree' && merge ? 'merge' : tree.kind,
    ...(digest === undefined ? {} : {digest}),
    ...(mode === undefined ? {} : {mode}),
  };
  const totalMs = boundTransfer({bytes: tree.bytes + tree.manifest.length, concurrency: 1});
  return copyEverywhere(world, options, (host) =>
    useLink(world, host, async (link) => {
      if ((await readTarget(link, target, tree.manifest, world.signal)) === 'same') return {unchanged: true};
      let broken: unknown;
      const archive = async function* (): AsyncGenerator<Buffer> {
        try {
          yield* tree.archive();
        } catch (error) {
          broken = error;
          throw error;
        }
      };
      try {
        await putCopy(link, target, Readable.from(archive(), {objectMode: false}), {totalMs, signal: world.signal});
      } catch (error) {
        // To the link it looks like a connection that was lost.
        throw broken ?? error;
      }
      return {};
    }),
  );
}

/**
 * Brings one file or tree of every host below `into`/HOST. What a host sends is unpacked in a private folder there, by the grammar of archives, and takes its
 * place by one rename; links that lead out of it are left out, with a warning.
 */
export function copyFromHosts(
  world: World,
  {from, into, maxBytes, ...options}: CopyOptions & {readonly from: string; readonly into: string; readonly maxBytes: number},
): Promise<RunEnd> {
  const name = path.posix.basename(from);
  return copyEverywhere(world, options, (host) =>
    useLink(world, host, async (link) => {
      const place = path.join(into, host.name);
      const refuse = refusalFor(host);
      if (link.kind === 'printing') {
        await getCopy(link, from, new PassThrough(), {totalMs: 1000, signal: world.signal});
        return {};
      }
      await refuse(async () => judgePlace(host, place, name));
      const work = await refuse(() => mkdtemp(path.join(place, '.drover-copy-')));
      try {
        const end = await fetchInto(world, link, {from, work, maxBytes, refuse});
        await refuse(() => settle(host, {work, place, name}));
        return end;
      } finally {
        await rm(work, {recursive: true, force: true});
      }
    }),
  );
}

type Refuse = <T>(action: () => Promise<T>) => Promise<T>;

/** What this machine refuses (a full disk, a folder of somebody else) fails the host, by name. */
function refusalFor(host: Host): Refuse {
  return async (action) => {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof Error && 'syscall' in error && 'code' in error)) throw error;
      const where = 'path' in error ? ` ${String(error.path)}` : '';
      throw new DroverError({
        code: 'refused',
        message: `${host.name}: this machine cannot keep the copy (${String(error.code)}${where})`,
        host: host.name,
        fix: 'make room there, or name another folder',
      });
    }
  };
}

/** Folders of ours, never links; a folder is never replaced. */
async function judgePlace(host: Host, place: string, name: string): Promise<void> {
  await mkdir(place, {recursive: true});
  if (!(await lstat(place)).isDirectory()) throw inTheWay(host, place, 'is a link');
  const there = await kindOf(path.join(place, name));
  if (there === 'folder') throw inTheWay(host, path.join(place, name), 'is there already');
}

function inTheWay(host: Host, place: string, what: string): DroverError {
  return new DroverError({
    code: 'refused',
    message: `${host.name}: ${place} ${what}`,
    host: host.name,
    fix: 'remove it, or name another folder',
  });
}

async function kindOf(file: string): Promise<'nothing' | 'file' | 'folder' | 'other'> {
  const stat = await lstat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (stat === undefined) return 'nothing';
  return stat.isFile() ? 'file' : stat.isDirectory() ? 'folder' : 'other';
}

interface Fetching {
  readonly from: string;
  readonly work: string;
  readonly maxBytes: number;
  readonly refuse: Refuse;
}

async function fetchInto(world: World, link: Link, {from, work, maxBytes, refuse}: Fetching): Promise<CopyEnd> {
  const {name: host} = link.host;
  const stream = new PassThrough({highWaterMark: 256 * 1024});
  // It is told by whoever reads it, or by the link.
  stream.on('error', () => undefined);
  const enough = new AbortController();
  const signal = AbortSignal.any([world.signal, enough.signal]);
  const totalMs = boundTransfer({bytes: maxBytes, concurrency: 1});
  const unpacking = refuse(() =>
    unpackTar({stream, into: work, name: `${host}:${from}`, leaveOutLinks: true, limits: {maxEntries, maxBytes}, signal: world.signal}),
  );
  unpacking.catch(() => enough.abort());
  const [got, unpacked] = await Promise.allSettled([getCopy(link, from, stream, {totalMs, signal}), unpacking]);
  // What the link lost, the unpacking misses; what the unpacking refuses ends the link.
  if (got.status === 'rejected' && !enough.signal.aborted) throw got.reason;
  if (unpacked.status === 'rejected' && !(got.status === 'rejected' && isCut(unpacked.reason))) throw unpacked.reason;
  if (got.status === 'rejected') throw got.reason;
  const {status, words} = got.value;
  const warnings = unpacked.status === 'fulfilled' ? unpacked.value : [];
  if (status > 1) {
    throw new DroverError({
      code: 'refused',
      message: `${host}: ${from} could not be read whole: ${words}`,
      host,
      fix: 'copy what may be read',
    });
  }
  return {warnings: status === 1 ? [...warnings, `${from} was written to meanwhile: ${words}`] : warnings};
}

const isCut = (reason: unknown): boolean => !(reason instanceof DroverError);

/** The one thing that was asked for takes its place; a file there is replaced. */
async function settle(
  host: Host,
  {work, place, name}: {readonly work: string; readonly place: string; readonly name: string},
): Promise<void> {
  const names = await readdir(work);
  if (names.length !== 1 || names[0] !== name) {
    throw new DroverError({
      code: 'integrity',
      message: `${host.name} sent ${names.length} things instead of ${JSON.stringify(name)}`,
      host: host.name,
    });
  }
  const came = await kindOf(path.join(work, name));
  const there = await kindOf(path.join(place, name));
  if (there !== 'nothing' && (there !== 'file' || came !== 'file')) throw inTheWay(host, path.join(place, name), 'is there already');
  await rename(path.join(work, name), path.join(place, name));
}
