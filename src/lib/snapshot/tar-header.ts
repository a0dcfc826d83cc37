/** A field of a header that is outside what this reader accepts; the message is the end of a sentence. */
export class BadHeader extends Error {}

export interface TarHeader {
  readonly type: string;
  readonly size: number;
  /** For messages: the bytes of the name, whatever they are. */
  readonly name: string;
}

const kinds: Readonly<Record<string, string>> = {
  '1': 'a hard link',
  '3': 'a character device',
  '4': 'a block device',
  '6': 'a named pipe',
  '7': 'a contiguous file',
  S: 'a sparse file',
  D: 'a directory of an incremental archive',
  M: 'the rest of a file that began in another volume',
  V: 'a volume label',
};

const fixes: Readonly<Record<string, string>> = {'1': 'make it with: tar --hard-dereference', S: 'make it without --sparse'};

/** Types of headers that tell of other entries. */
const extended = 'xgLK';
/** Where mode, owner, group and time stand. */
const numbers = [
  [100, 8],
  [108, 8],
  [116, 8],
  [136, 12],
] as const;

/** Why an entry of this type cannot be taken, with the next step; undefined when it can. */
export function explainType(type: string): {readonly what: string; readonly fix: string} | undefined {
  if ('025xgLK'.includes(type)) return undefined;
  return {
    what: `is ${kinds[type] ?? `an entry of unknown type ${JSON.stringify(type)}`}`,
    fix: fixes[type] ?? 'leave it out of the archive',
  };
}

function readText(block: Buffer, start: number, length: number): Buffer {
  const field = block.subarray(start, start + length);
  const end = field.indexOf(0);
  return end === -1 ? field : field.subarray(0, end);
}

/** A name's bytes as text; what is no UTF-8 would be kept under another name. */
export function decodeName(bytes: Buffer): string {
  const text = bytes.toString();
  if (!Buffer.from(text).equals(bytes))
    throw new BadHeader(`holds a name that is not valid UTF-8 (hex ${bytes.toString('hex').slice(0, 64)})`);
  return text;
}

/** Octal digits, or GNU's binary form from 8 GiB on; nothing negative, nothing that another reader takes for another number. */
function readNumber(block: Buffer, start: number, length: number): number {
  const field = block.subarray(start, start + length);
  if (field[0] === 0x80) {
    const value = field.subarray(1).reduce((sum, byte) => sum * 256 + byte, 0);
    if (Number.isSafeInteger(value)) return value;
  }
  const digits = /^ *([0-7]*)[ \0]*$/.exec(field.toString('latin1'))?.[1];
  if (digits === undefined) throw new BadHeader(`has a bad number in a header (hex ${field.toString('hex')})`);
  return digits === '' ? 0 : Number.parseInt(digits, 8);
}

function sumHeader(block: Buffer): number {
  let sum = 8 * 32;
  for (const [index, byte] of block.entries()) if (index < 148 || index >= 156) sum += byte;
  return sum;
}

/** Names that a header before this one has told: its own are what fitted, cut anywhere. */
export interface ToldNames {
  readonly path: string | undefined;
  readonly linkpath: string | undefined;
}

/** Reads one block of 512 bytes that is not all zeros; throws `BadHeader`. */
export function readHeader(block: Buffer, told: ToldNames): TarHeader {
  if (readNumber(block, 148, 8) !== sumHeader(block)) throw new BadHeader('is damaged: the checksum of a header does not match');
  const magic = block.toString('latin1', 257, 263);
  if (magic !== 'ustar\0' && magic !== 'ustar ') throw new BadHeader('is in a format from before POSIX');
  for (const [start, length] of numbers) readNumber(block, start, length);
  const size = readNumber(block, 124, 12);
  const flag = block.toString('latin1', 156, 157);
  if (extended.includes(flag)) return {type: flag, size, name: ''};
  const prefix = magic === 'ustar\0' && told.path === undefined ? decodeName(readText(block, 345, 155)) : '';
  const own = told.path ?? decodeName(readText(block, 0, 100));
  if (told.linkpath === undefined) decodeName(readText(block, 157, 100));
  const name = prefix === '' ? own : `${prefix}/${own}`;
  const isOldFolder = told.path === undefined && name.endsWith('/');
  return {type: flag === '\0' || flag === '0' ? (isOldFolder ? '5' : '0') : flag, size, name};
}

/**
 * A copy of a header without its own name, for an entry that has a longer one: a name that was cut after a slash would make
 * `tar-stream` take a file for a folder, and its content for headers.
 */
export function forgetName(block: Buffer): Buffer {
  const copy = Buffer.from(block);
  copy.fill(0, 0, 100).fill(0, 345, 500).write('-', 0, 'latin1');
  copy.write(`${sumHeader(copy).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return copy;
}

/** The records of a pax header, strictly: lengths that add up, UTF-8, each key once. */
export function readPaxRecords(bytes: Buffer): ReadonlyMap<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < bytes.length; ) {
    const [, digits = '', key = ''] = /^([1-9][0-9]{0,7}) ([^=\0\n]{1,255})=/.exec(bytes.toString('latin1', at, at + 300)) ?? [];
    const end = at + Number(digits);
    const valueStart = at + digits.length + 1 + Buffer.byteLength(key, 'latin1') + 1;
    if (digits === '' || end > bytes.length || end - 1 < valueStart || bytes[end - 1] !== 10)
      throw new BadHeader('has a malformed pax header');
    if (records.has(key)) throw new BadHeader(`has a pax header that says ${JSON.stringify(key)} twice`);
    const isBinary = /^(?:SCHILY|LIBARCHIVE)\./.test(key);
    records.set(key, isBinary ? '' : decodeName(bytes.subarray(valueStart, end - 1)));
    at = end;
  }
  return records;
}
