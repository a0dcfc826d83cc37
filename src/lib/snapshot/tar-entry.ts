import type {Entry} from './manifest.js';

const blockBytes = 512;
const nameBytes = 100;

type TypeFlag = '0' | '1' | '2' | '5' | 'K' | 'L';

function writeOctal(header: Buffer, value: number, offset: number, length: number): void {
  header.write(value.toString(8).padStart(length - 1, '0'), offset, 'latin1');
}

/** Sizes from 8 GiB on are binary, as GNU tar and BusyBox read them. */
function writeSize(header: Buffer, size: number): void {
  if (size < 8 ** 11) {
    writeOctal(header, size, 124, 12);
  } else {
    header[124] = 0x80;
    header.writeUIntBE(size, 130, 6);
  }
}

/** What is the same in all headers: owner, group and time of nobody, a blank sum, the magic of GNU. */
const blank = Buffer.alloc(blockBytes);
writeOctal(blank, 0, 108, 8);
writeOctal(blank, 0, 116, 8);
writeOctal(blank, 0, 136, 12);
blank.write('        ', 148, 'latin1');
blank.write('ustar  \0', 257, 'latin1');

function makeHeader(name: Buffer, type: TypeFlag, mode: number, size: number, target: Buffer): Buffer {
  const header = Buffer.allocUnsafe(blockBytes);
  blank.copy(header);
  name.copy(header, 0, 0, nameBytes);
  writeOctal(header, mode, 100, 8);
  writeSize(header, size);
  header.write(type, 156, 'latin1');
  target.copy(header, 157, 0, nameBytes);
  let sum = 0;
  // Not `for … of`: a tree has a header for every file.
  for (let at = 0; at < blockBytes; at += 1) sum += header[at] ?? 0;
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

/** The zeros that fill the last block of `size` bytes. */
export function padTar(size: number): Buffer {
  return Buffer.alloc((blockBytes - (size % blockBytes)) % blockBytes);
}

/** Two blocks of zeros. */
export const tarEnd: Buffer = Buffer.alloc(2 * blockBytes);

function makeLong(type: 'K' | 'L', text: Buffer): Buffer[] {
  const size = text.length + 1;
  return [makeHeader(Buffer.from('././@LongLink'), type, 0o644, size, Buffer.alloc(0)), text, Buffer.alloc(1), padTar(size)];
}

/**
 * The header of one entry, reproducible: no times, no owners. A twin is a hard link to an entry before it. In GNU's format, not pax: names above 100 bytes go into `L`
 * and link targets into `K` records, since BusyBox (read: archival/libarchive/get_header_tar.c) skips pax's `linkpath`, and
 * its older releases pax's `path` too.
 */
export function makeTarHeader(
  name: string,
  entry: {readonly kind: Entry['kind'] | 'twin'; readonly mode: number; readonly size?: number; readonly target?: string},
): Buffer {
  const path = Buffer.from(entry.kind === 'directory' ? `${name}/` : name);
  const target = Buffer.from(entry.target ?? '');
  const type = ({file: '0', twin: '1', link: '2', directory: '5'} as const)[entry.kind];
  return Buffer.concat([
    ...(target.length > nameBytes ? makeLong('K', target) : []),
    ...(path.length > nameBytes ? makeLong('L', path) : []),
    makeHeader(path, type, entry.mode, entry.size ?? 0, target),
  ]);
}
