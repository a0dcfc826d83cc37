/** Numbers of one SHA-1 state. */
export const stateWords = 5;
/** Numbers of one block. */
export const blockWords = 16;

const startState = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];
const blockBytes = 4 * blockWords;

/** Every index here is inside its array. */
function at(words: Int32Array, index: number): number {
  return words[index] as number;
}

/**
 * One block of SHA-1: `into` becomes the state that `states` holds from `from` on, moved on by the first 16 words of `schedule`, which has 80.
 * Four loops, since one with choices in it takes twice as long.
 */
export function moveState(states: Int32Array, from: number, schedule: Int32Array, into: Int32Array): void {
  for (let round = 16; round < 80; round++) {
    const mixed = at(schedule, round - 3) ^ at(schedule, round - 8) ^ at(schedule, round - 14) ^ at(schedule, round - 16);
    schedule[round] = (mixed << 1) | (mixed >>> 31);
  }
  let a = at(states, from);
  let b = at(states, from + 1);
  let c = at(states, from + 2);
  let d = at(states, from + 3);
  let e = at(states, from + 4);
  let round = 0;
  for (; round < 20; round++) {
    const next = (((a << 5) | (a >>> 27)) + ((b & c) | (~b & d)) + e + at(schedule, round) + 0x5a827999) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  for (; round < 40; round++) {
    const next = (((a << 5) | (a >>> 27)) + (b ^ c ^ d) + e + at(schedule, round) + 0x6ed9eba1) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  for (; round < 60; round++) {
    const next = (((a << 5) | (a >>> 27)) + ((b & c) | (b & d) | (c & d)) + e + at(schedule, round) + 0x8f1bbcdc) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  for (; round < 80; round++) {
    const next = (((a << 5) | (a >>> 27)) + (b ^ c ^ d) + e + at(schedule, round) + 0xca62c1d6) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  into[0] = at(states, from) + a;
  into[1] = at(states, from + 1) + b;
  into[2] = at(states, from + 2) + c;
  into[3] = at(states, from + 3) + d;
  into[4] = at(states, from + 4) + e;
}

/** The two states that HMAC-SHA1 under `key` (at most 64 bytes) begins with: the inner one, then the outer one. */
export function keyStates(key: Buffer): Int32Array {
  const both = new Int32Array(2 * stateWords);
  const moved = new Int32Array(stateWords);
  [0x36, 0x5c].forEach((pad, which) => {
    const block = Buffer.alloc(blockBytes, pad);
    key.forEach((byte, index) => {
      block[index] = byte ^ pad;
    });
    const schedule = new Int32Array(80);
    for (let index = 0; index < blockWords; index++) schedule[index] = block.readInt32BE(4 * index);
    moveState(Int32Array.from(startState), 0, schedule, moved);
    both.set(moved, which * stateWords);
  });
  return both;
}

/** What is left to hash of a message after one block that went before it: padded, as words, a multiple of 16 of them. */
export function padMessage(message: Buffer): Int32Array {
  const blocks = Math.ceil((message.length + 9) / blockBytes);
  const padded = Buffer.alloc(blocks * blockBytes);
  message.copy(padded);
  padded[message.length] = 0x80;
  padded.writeUInt32BE(8 * (blockBytes + message.length), padded.length - 4);
  return Int32Array.from({length: padded.length / 4}, (_, index) => padded.readInt32BE(4 * index));
}
