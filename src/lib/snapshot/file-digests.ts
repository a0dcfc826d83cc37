import type {Digest} from './manifest.js';
import type {WalkedFile} from './walked-tree.js';

const digestBytes = 32;

/** The files of a tree as they were read, in canonical order, and what their bytes hash to: 32 bytes each, not a text of 64 characters. */
export class FileDigests {
  readonly files: WalkedFile[];
  #digests: Buffer;

  /** `expected` files at least have room from the start. */
  constructor(expected: number, files: WalkedFile[] = []) {
    this.files = files;
    this.#digests = Buffer.allocUnsafeSlow(Math.max(1, expected) * digestBytes);
  }

  /** Of files whose digests are known already: 32 bytes each, in the same order. */
  static from(files: WalkedFile[], digests: Buffer): FileDigests {
    const known = new FileDigests(0, files);
    known.#digests = digests;
    return known;
  }

  /** All digests, one after another. */
  get digests(): Buffer {
    return this.#digests.subarray(0, this.files.length * digestBytes);
  }

  add(file: WalkedFile, digest: Digest): void {
    const at = this.files.length * digestBytes;
    if (at === this.#digests.length) this.#digests = Buffer.concat([this.#digests, Buffer.allocUnsafeSlow(at)]);
    this.#digests.write(digest, at, 'hex');
    this.files.push(file);
  }

  digestAt(number: number): Digest {
    return this.#digests.toString('hex', number * digestBytes, (number + 1) * digestBytes) as Digest;
  }
}
