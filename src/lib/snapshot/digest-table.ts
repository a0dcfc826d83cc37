import type {Digest} from './manifest.js';

const digestBytes = 32;
const firstCapacity = 1024;

/**
 * Digests in the order in which they were added, each once, and found again at once. 32 bytes and a slot each: a million of them as
 * strings in a set would take four times as much.
 */
export class DigestTable {
  #keys = Buffer.allocUnsafeSlow(firstCapacity * digestBytes);
  /** 1 + the number of a digest, 0 where there is none; twice as long as there is room for digests. */
  #slots = new Int32Array(firstCapacity * 2);
  readonly #probe = Buffer.allocUnsafeSlow(digestBytes);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** The number of a digest, counted from 0 in the order of adding; undefined when it was not added. */
  find(digest: Digest): number | undefined {
    this.#probe.write(digest, 'hex');
    const number = this.#slots[this.#slotOf(this.#probe, 0)] ?? 0;
    return number === 0 ? undefined : number - 1;
  }

  /** The number of a digest, which is a new one when it was not there. */
  add(digest: Digest): number {
    this.#probe.write(digest, 'hex');
    return this.addBytes(this.#probe, 0);
  }

  /** As `add` for the 32 bytes at `at`. */
  addBytes(bytes: Buffer, at: number): number {
    const slot = this.#slotOf(bytes, at);
    const there = this.#slots[slot] ?? 0;
    if (there !== 0) return there - 1;
    const number = this.#count;
    bytes.copy(this.#keys, number * digestBytes, at, at + digestBytes);
    this.#count = number + 1;
    this.#slots[slot] = this.#count;
    if (this.#count * digestBytes === this.#keys.length) this.#grow();
    return number;
  }

  /** Where a digest is, or would be. */
  #slotOf(bytes: Buffer, at: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = bytes.readUInt32LE(at) & mask; ; slot = (slot + 1) & mask) {
      const number = this.#slots[slot] ?? 0;
      if (number === 0) return slot;
      const key = (number - 1) * digestBytes;
      if (this.#keys.compare(bytes, at, at + digestBytes, key, key + digestBytes) === 0) return slot;
    }
  }

  #grow(): void {
    const keys = Buffer.allocUnsafeSlow(this.#keys.length * 2);
    this.#keys.copy(keys);
    this.#keys = keys;
    this.#slots = new Int32Array(this.#slots.length * 2);
    for (let number = 0; number < this.#count; number += 1) this.#slots[this.#slotOf(keys, number * digestBytes)] = number + 1;
  }
}
