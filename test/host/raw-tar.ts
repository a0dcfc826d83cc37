export interface RawEntry {
  readonly name: string;
  /** `0` file, `1` hard link, `2` symbolic link, `3` character device, `5` folder, `6` pipe. */
  readonly type?: string;
  readonly mode?: number;
  readonly text?: string;
  readonly target?: string;
}

/** A tar entry of any kind, however wrong. */
export function packEntry({name, type = '0', mode = 0o444, text = '', target = ''}: RawEntry): Buffer {
  const header = Buffer.alloc(512);
  const bytes = Buffer.from(text);
  const octal = (value: number, at: number, length: number): void => {
    header.write(value.toString(8).padStart(length - 1, '0'), at, 'latin1');
  };
  header.write(name, 0, 100);
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(bytes.length, 124, 12);
  octal(0, 136, 12);
  header.write('        ', 148);
  header.write(type, 156);
  header.write(target, 157, 100);
  header.write('ustar  \0', 257, 'latin1');
  octal(1, 329, 8);
  octal(3, 337, 8);
  octal(
    header.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  );
  header[155] = 0x20;
  return Buffer.concat([header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}
