export interface ForgedEntry {
  /** Bytes beyond ASCII as latin-1. */
  readonly name: string;
  /** `0` file, `1` hard link, `2` symbolic link, `3` `4` devices, `5` folder, `6` pipe, `x` `g` pax, `L` `K` GNU's long names. */
  readonly type?: string;
  readonly mode?: number;
  readonly text?: string | Buffer;
  readonly target?: string;
  readonly prefix?: string;
  readonly magic?: string;
  /** The raw field, in place of the true size. */
  readonly size?: string | Buffer;
  /** Added to the checksum. */
  readonly offBy?: number;
}

function octal(value: number, length: number): string {
  return `${value.toString(8).padStart(length - 1, '0')}\0`;
}

/** One entry of an archive, however wrong. */
export function forgeEntry({name, type = '0', mode = 0o644, text = '', target = '', prefix = '', ...more}: ForgedEntry): Buffer {
  const bytes = Buffer.from(text as string);
  const {magic = 'ustar\x0000', size = octal(bytes.length, 12), offBy = 0} = more;
  const header = Buffer.alloc(512);
  header.write(name, 0, 100, 'latin1');
  header.write(octal(mode, 8), 100, 'latin1');
  header.write(octal(0, 8), 108, 'latin1');
  header.write(octal(0, 8), 116, 'latin1');
  Buffer.from(size as string, 'latin1').copy(header, 124, 0, 12);
  header.write(octal(0, 12), 136, 'latin1');
  header.write('        ', 148, 'latin1');
  header.write(type, 156, 'latin1');
  header.write(target, 157, 100, 'latin1');
  header.write(magic, 257, 'latin1');
  header.write(prefix, 345, 155, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0) + offBy;
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return Buffer.concat([header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}

/** A pax record with its true length. */
export function paxRecord(key: string, value: string): string {
  const body = ` ${key}=${value}\n`;
  let length = Buffer.byteLength(body) + 1;
  while (`${length}`.length + Buffer.byteLength(body) !== length) length += 1;
  return `${length}${body}`;
}

export const tarEnd = Buffer.alloc(1024);

/** A whole archive. */
export function forgeTar(...entries: readonly (ForgedEntry | Buffer)[]): Buffer {
  return Buffer.concat([...entries.map((entry) => (Buffer.isBuffer(entry) ? entry : forgeEntry(entry))), tarEnd]);
}

/** A pax header for the entry after it. */
export function forgePax(records: string | Buffer, type: 'x' | 'g' = 'x'): Buffer {
  return forgeEntry({name: 'pax', type, text: records});
}
