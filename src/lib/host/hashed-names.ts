import {blockWords, keyStates, moveState, padMessage, stateWords} from './sha1-state.js';
import type {WorkSlices} from './work-slices.js';

const digestBytes = 20;
/** The inner and the outer state of a salt, and the digest. */
const lineWords = 3 * stateWords;

/**
 * Names that known_hosts hides, each behind a salt of its own (`|1|salt|digest`): every one has to be hashed again for every name that is looked
 * up. What HMAC makes of the salt alone is kept, which leaves two blocks of SHA-1 for each; node:crypto takes six times as long over it.
 */
export class HashedNames {
  private readonly lines: number[] = [];
  private words = new Int32Array(64 * lineWords);

  /** `line` is what `find` gives for this name. Names of another form than OpenSSH writes match nothing. */
  add(hashed: string, line: number): void {
    const [, , salt, digest] = hashed.split('|').map((part) => readDigest(part));
    if (salt === undefined || digest === undefined) return;
    const at = this.lines.length * lineWords;
    if (at === this.words.length) {
      const wider = new Int32Array(2 * this.words.length);
      wider.set(this.words);
      this.words = wider;
    }
    this.words.set(keyStates(salt), at);
    for (let index = 0; index < stateWords; index++) this.words[at + 2 * stateWords + index] = digest.readInt32BE(4 * index);
    this.lines.push(line);
  }

  /** The lines that hide this name, in the order in which they were added. */
  async find(name: string, slices: WorkSlices): Promise<number[]> {
    const message = padMessage(Buffer.from(name));
    const blocks = message.length / blockWords;
    const schedule = new Int32Array(80);
    const state = new Int32Array(stateWords);
    const found: number[] = [];
    for (let next = 0; next < this.lines.length; ) {
      const end = Math.min(this.lines.length, next + Math.max(1, Math.floor(slices.left / blocks)));
      const first = next;
      for (; next < end; next++) if (this.hides(next * lineWords, message, schedule, state)) found.push(this.lines[next] as number);
      await slices.spend((end - first) * blocks);
    }
    return found;
  }

  private hides(at: number, message: Int32Array, schedule: Int32Array, state: Int32Array): boolean {
    const {words} = this;
    for (let block = 0; block < message.length; block += blockWords) {
      for (let index = 0; index < blockWords; index++) schedule[index] = message[block + index] as number;
      if (block === 0) moveState(words, at, schedule, state);
      else moveState(state, 0, schedule, state);
    }
    for (let index = 0; index < stateWords; index++) schedule[index] = state[index] as number;
    schedule[stateWords] = 0x80000000;
    for (let index = stateWords + 1; index < blockWords - 1; index++) schedule[index] = 0;
    schedule[blockWords - 1] = 8 * (64 + digestBytes);
    moveState(words, at + stateWords, schedule, state);
    for (let index = 0; index < stateWords; index++) if (state[index] !== words[at + 2 * stateWords + index]) return false;
    return true;
  }
}

/** Undefined for what is not exactly the base64 of 20 bytes. */
function readDigest(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === digestBytes && bytes.toString('base64') === text ? bytes : undefined;
}
