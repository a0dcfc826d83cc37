import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
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
    lines.ended('web1', {status: 3, failure: 'exit 3'});
    expect(text).toBe('web1: \\x1b]0;title\\x07 \\u202eevil #\\#[group]x\nweb1: [exit 3]\n');
  });
});
