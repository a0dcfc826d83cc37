import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {LiveOutput} from '../../src/lib/host/live-output.js';
import {createLabelledLines} from '../../src/lib/report/host-lines.js';
import {LineCutter} from '../../src/lib/report/line-cutter.js';

function cut(pieces: readonly Buffer[]): readonly string[] {
  const lines: string[] = [];
  const cutter = new LineCutter((line) => lines.push(line));
  for (const piece of pieces) cutter.add(piece);
  cutter.end();
  return lines;
}

/** The bytes in pieces of these lengths. */
function divide(bytes: Buffer, lengths: readonly number[]): readonly Buffer[] {
  const pieces: Buffer[] = [];
  let rest = bytes;
  for (const length of lengths) {
    pieces.push(rest.subarray(0, length));
    rest = rest.subarray(length);
  }
  return [...pieces, rest];
}

describe('lines as they come', () => {
  it('are the same however the bytes are divided', () => {
    const text = Buffer.from('café\r\n\nwe\tb ✓\nlast', 'utf8');
    fc.assert(
      fc.property(fc.array(fc.integer({min: 0, max: 6}), {maxLength: 12}), (lengths) => {
        expect(cut(divide(text, lengths))).toEqual(['café', '', 'we\tb ✓', 'last']);
      }),
    );
  });

  it('are cut where they do not end, and cost no more memory than that', () => {
    const [line, next] = cut([...Array.from({length: 100}, () => Buffer.alloc(10_000, 'x')), Buffer.from('\nshort\n')]);
    expect([line?.slice(16_380), next]).toEqual(['xxxx [… 983616 characters left out here …]', 'short']);
  });

  it('begin with their host, and whatever the host says cannot begin a line or move the cursor', () => {
    let text = '';
    const lines = createLabelledLines({write: (piece) => (text += piece), colour: false});
    lines.line('web1', '\u001b]0;title\u0007 \u202eevil ##[group]x');
    lines.ended('web1', {status: 3, failure: 'exit 3', isCut: true});
    expect(text).toBe(
      'web1: \\x1b]0;title\\x07 \\u202eevil #\\#[group]x\nweb1: [the end is missing: something that it left running holds its output]\nweb1: [exit 3]\n',
    );
  });

  it('are found between the marks of their call, whatever stands around them and however it is divided', () => {
    const nonce = '00112233445566778899aabbccddeeff';
    const said = `00 ${nonce.slice(0, 31)}! ${nonce.slice(0, 4)}`;
    const all = Buffer.from(`rc file says ${nonce}\n\ndrover ${nonce} live\n${said}${nonce}late`);
    fc.assert(
      fc.property(fc.array(fc.integer({min: 1, max: 40}), {maxLength: 10}), (lengths) => {
        let text = '';
        const live = new LiveOutput(nonce, (piece) => (text += piece.toString()));
        for (const piece of divide(all, lengths)) live.add(piece);
        live.end();
        expect([text, live.isWhole]).toEqual([said, true]);
      }),
    );
    let text = '';
    const live = new LiveOutput(nonce, (piece) => (text += piece.toString()));
    live.add(Buffer.from(`\ndrover ${nonce} live\nhalf ${nonce.slice(0, 5)}`));
    live.end();
    expect([text, live.isWhole]).toEqual([`half ${nonce.slice(0, 5)}`, false]);
  });
});
