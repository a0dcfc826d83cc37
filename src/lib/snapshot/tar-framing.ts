import {BadHeader, decodeName, explainType, forgetName, readHeader, readPaxRecords, type TarHeader} from './tar-header.js';
import {refuseTar, type TarLimits} from './tar-problem.js';

const blockBytes = 512;
/** A path and a link of 4096 bytes, and attributes of a file, fit many times. */
const maxHeaderBytes = 1024 * 1024;
/** Headers that describe the entry that follows. */
const describing = 'xLK';

/**
 * Passes an archive on, byte for byte, while its frame is sound. It refuses what readers of tar disagree about, or let pass: an end that
 * is missing (the archive was cut) or is not the end, sizes where there can be none, sparse files, names that are no UTF-8, headers that contradict
 * one another, and more than the limits allow. `name` begins the messages.
 */
export async function* checkFraming(
  chunks: AsyncIterable<Buffer>,
  {name, limits}: {readonly name: string; readonly limits: TarLimits},
): AsyncGenerator<Buffer> {
  const frame = new Frame(limits);
  let wanted = blockBytes;
  let held: Buffer[] = [];
  let heldBytes = 0;
  try {
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length; ) {
        if (frame.contentBytes > 0) {
          const piece = chunk.subarray(at, at + frame.contentBytes);
          frame.contentBytes -= piece.length;
          at += piece.length;
          yield piece;
          continue;
        }
        const piece = chunk.subarray(at, at + wanted - heldBytes);
        at += piece.length;
        held.push(piece);
        heldBytes += piece.length;
        if (heldBytes < wanted) continue;
        const whole = held.length === 1 ? piece : Buffer.concat(held);
        held = [];
        heldBytes = 0;
        wanted = frame.take(whole);
        yield frame.isNamed ? forgetName(whole) : whole;
      }
    }
    frame.end(heldBytes);
  } catch (error) {
    if (error instanceof BadHeader) throw refuseTar(name, error.message, frame.fix);
    throw error;
  }
}

class Frame {
  /** What follows of the content of an entry, with the zeros that fill its last block. */
  contentBytes = 0;
  /** What was taken last is the header of an entry that was named before it. */
  isNamed = false;
  fix = 'make the archive again';
  readonly #limits: TarLimits;
  #entries = 0;
  #bytes = 0;
  #zeroBlocks = 0;
  /** A header whose text is being gathered. */
  #extended: TarHeader | undefined;
  /** What the headers before an entry have said of it. */
  #said = new Map<string, string>();

  constructor(limits: TarLimits) {
    this.#limits = limits;
  }

  /** Takes a header or the text of an extended one; how many bytes the next one has. */
  take(block: Buffer): number {
    this.isNamed = false;
    if (this.#extended !== undefined) {
      this.#takeText(this.#extended, block.subarray(0, this.#extended.size));
      this.#extended = undefined;
      return blockBytes;
    }
    if (block.every((byte) => byte === 0)) {
      this.#zeroBlocks += 1;
      if (this.#said.size > 0) throw new BadHeader('ends after a header that belongs to an entry');
      return blockBytes;
    }
    if (this.#zeroBlocks > 0) throw new BadHeader('goes on after its end');
    return this.#takeHeader(readHeader(block, {path: this.#said.get('path'), linkpath: this.#said.get('linkpath')}));
  }

  /** The archive has no more bytes. */
  end(heldBytes: number): void {
    if (this.#zeroBlocks < 2 || heldBytes > 0 || this.contentBytes > 0) throw new BadHeader('was cut: its end is missing');
  }

  #takeHeader(header: TarHeader): number {
    const refused = explainType(header.type);
    if (refused !== undefined) {
      this.fix = refused.fix;
      throw new BadHeader(`holds ${JSON.stringify(header.name)}, which ${refused.what}`);
    }
    if (`${describing}g`.includes(header.type)) {
      if (header.size > maxHeaderBytes) throw new BadHeader(`has a header of ${header.size} bytes`);
      if (this.#said.has(header.type)) throw new BadHeader('has two headers of a kind for one entry');
      if (header.size === 0) throw new BadHeader('has an empty extended header');
      this.#extended = header;
      return Math.ceil(header.size / blockBytes) * blockBytes;
    }
    const size = Number(this.#said.get('size') ?? header.size);
    if (size > 0 && header.type !== '0') throw new BadHeader(`holds ${JSON.stringify(header.name)}, which is no file but has a size`);
    this.isNamed = this.#said.has('path');
    this.#entries += 1;
    this.#bytes += size;
    this.#said = new Map();
    const {maxEntries, maxBytes} = this.#limits;
    if (this.#entries > maxEntries) throw new BadHeader(`holds more than ${maxEntries.toLocaleString('en-US')} entries`);
    if (this.#bytes > maxBytes) throw new BadHeader(`unpacks to more than ${maxBytes.toLocaleString('en-US')} bytes`);
    this.contentBytes = Math.ceil(size / blockBytes) * blockBytes;
    return blockBytes;
  }

  #takeText({type}: TarHeader, text: Buffer): void {
    if (type === 'L' || type === 'K') {
      const end = text.indexOf(0);
      if (end !== -1 && end < text.length - 1) throw new BadHeader('has a long name with a NUL in it');
      this.#say(type, type === 'L' ? 'path' : 'linkpath', decodeName(end === -1 ? text : text.subarray(0, end)));
      return;
    }
    const records = readPaxRecords(text);
    for (const [key, value] of records) {
      if (key.startsWith('GNU.')) {
        this.fix = 'make it without --sparse';
        throw new BadHeader(`has a pax header ${JSON.stringify(key)}`);
      }
      if (type === 'g' && (key === 'path' || key === 'linkpath' || key === 'size')) {
        throw new BadHeader(`has a global pax header that says ${JSON.stringify(key)} of every entry`);
      }
      if (key === 'size' && !/^(?:0|[1-9][0-9]{0,14})$/.test(value))
        throw new BadHeader(`has a pax header with the size ${JSON.stringify(value)}`);
      if (type === 'x' && (key === 'path' || key === 'linkpath' || key === 'size')) this.#say(type, key, value);
    }
    if (type === 'x') this.#said.set(type, '');
  }

  #say(type: string, key: string, value: string): void {
    if (this.#said.has(key)) throw new BadHeader(`has two headers that say the ${key} of one entry`);
    if (value === '') throw new BadHeader(`has an empty ${key} in a header`);
    this.#said.set(type, '');
    this.#said.set(key, value);
  }
}
