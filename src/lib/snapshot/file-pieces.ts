import fs from 'node:fs';
import {type Chunk, chooseChunkBits, cutFile} from './content-chunks.js';
import type {Digest} from './manifest.js';

/** A run of a file: bytes of the base's file, or bytes that travel. */
export interface Piece {
  readonly from: 'base' | 'fresh';
  /** In the base's file, or in the new one. */
  readonly offset: number;
  readonly length: number;
}

/** One file of a store that holds its bytes as they are. */
export interface PlainFile {
  readonly file: string;
  readonly digest: Digest;
  readonly size: number;
}

/** A host starts a program for each piece. */
const mostPieces = 2000;
const leastCopyBytes = 1024;
const compareBytes = 64 * 1024;

/**
 * The pieces of `target` in order, most of them copied from `base`; undefined when less than half of it is in the base, or a file is not
 * what its digest says. Memory does not grow with the files.
 */
export async function findPieces(base: PlainFile, target: PlainFile, signal: AbortSignal): Promise<readonly Piece[] | undefined> {
  const bits = chooseChunkBits(Math.max(base.size, target.size));
  const known = new Map<string, number>();
  const ofBase = await readChunks(base, {bits, signal, take: ({key, offset}) => known.set(key, offset)});
  const copies: Copy[] = [];
  const ofTarget = await readChunks(target, {
    bits,
    signal,
    take: ({key, offset, length}) => {
      const at = known.get(key);
      if (at === undefined) return;
      const last = copies.at(-1);
      if (last !== undefined && last.to + last.length === offset && last.from + last.length === at) last.length += length;
      else copies.push({from: at, to: offset, length});
    },
  });
  if (!ofBase || !ofTarget) return undefined;
  widenCopies(copies, base, target);
  const chosen = chooseCopies(copies);
  const copied = chosen.reduce((sum, {length}) => sum + length, 0);
  return copied * 2 < target.size ? undefined : listPieces(chosen, target.size);
}

interface Copy {
  from: number;
  to: number;
  length: number;
}

/** True when the file is what its digest says. */
async function readChunks(
  {file, digest}: PlainFile,
  {bits, signal, take}: {readonly bits: number; readonly signal: AbortSignal; readonly take: (chunk: Chunk) => void},
): Promise<boolean> {
  const chunks = cutFile(file, bits, signal);
  for (;;) {
    const step = await chunks.next();
    if (step.done === true) return step.value === digest;
    take(step.value);
  }
}

/** Chunks end well before and after a change; the bytes between them and the change are in the base as well. */
function widenCopies(copies: Copy[], base: PlainFile, target: PlainFile): void {
  const [old, now] = [fs.openSync(base.file, 'r'), fs.openSync(target.file, 'r')];
  try {
    for (const [index, copy] of copies.entries()) {
      const before = index === 0 ? 0 : (copies[index - 1]?.to ?? 0) + (copies[index - 1]?.length ?? 0);
      const back = countEqual(old, now, {from: copy.from, to: copy.to, most: Math.min(copy.from, copy.to - before), step: -1});
      copy.from -= back;
      copy.to -= back;
      copy.length += back;
      const [end, next] = [copy.from + copy.length, copies[index + 1]?.to ?? target.size];
      const most = Math.min(base.size - end, next - copy.to - copy.length);
      copy.length += countEqual(old, now, {from: end, to: copy.to + copy.length, most, step: 1});
    }
  } finally {
    fs.closeSync(old);
    fs.closeSync(now);
  }
}

/** How many bytes are equal from two places on, forwards or backwards. */
function countEqual(
  old: number,
  now: number,
  {from, to, most, step}: {readonly from: number; readonly to: number; readonly most: number; readonly step: 1 | -1},
): number {
  const [a, b] = [Buffer.alloc(compareBytes), Buffer.alloc(compareBytes)];
  let equal = 0;
  while (equal < most) {
    const length = Math.min(compareBytes, most - equal);
    const shift = step === 1 ? equal : -equal - length;
    if (fs.readSync(old, a, 0, length, from + shift) < length || fs.readSync(now, b, 0, length, to + shift) < length) return equal;
    for (let index = 0; index < length; index += 1) {
      const at = step === 1 ? index : length - 1 - index;
      if (a[at] !== b[at]) return equal;
      equal += 1;
    }
  }
  return equal;
}

/** Short copies are left out, the shorter first, until there are few enough. */
function chooseCopies(copies: readonly Copy[]): readonly Copy[] {
  let chosen = copies.filter(({length}) => length >= leastCopyBytes);
  for (let least = 2 * leastCopyBytes; chosen.length * 2 + 1 > mostPieces; least *= 2) {
    chosen = chosen.filter(({length}) => length >= least);
  }
  return chosen;
}

function listPieces(copies: readonly Copy[], size: number): readonly Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  for (const {from, to, length} of copies) {
    if (to > at) pieces.push({from: 'fresh', offset: at, length: to - at});
    pieces.push({from: 'base', offset: from, length});
    at = to + length;
  }
  if (size > at) pieces.push({from: 'fresh', offset: at, length: size - at});
  return pieces;
}
