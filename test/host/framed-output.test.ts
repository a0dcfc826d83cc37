import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {FramedOutput, type FrameEnd} from '../../src/lib/host/framed-output.js';

const nonce = '00112233445566778899aabbccddeeff';

function read(...pieces: readonly (string | Buffer)[]): {readonly text: string; readonly end: FrameEnd | undefined} {
  let text = '';
  const framed = new FramedOutput(nonce, (piece) => (text += piece.toString('latin1')));
  for (const piece of pieces) framed.add(Buffer.from(piece));
  framed.close();
  return {text, end: framed.end};
}

describe('what a command said', () => {
  it('is found in its frame, whatever stands around it and however it is divided', () => {
    const said = `\n\ndrover ${nonce.slice(0, 31)} end 0\n ${nonce} \ndrover \xff`;
    const all = Buffer.from(
      `login says \ndrover 00 begin\n\ndrover ${nonce} begin\n${said}\ndrover ${nonce} end 3 late\na daemon`,
      'latin1',
    );
    fc.assert(
      fc.property(fc.array(fc.integer({min: 1, max: 40}), {maxLength: 10}), (lengths) => {
        const pieces: Buffer[] = [];
        let rest = all;
        for (const length of lengths) {
          pieces.push(rest.subarray(0, length));
          rest = rest.subarray(length);
        }
        expect(read(...pieces, rest)).toEqual({text: said, end: {kind: 'ended', status: 3, isLate: true}});
      }),
    );
  });

  it('has no end until its last line is whole, and nothing of it is lost then', () => {
    expect(read(`\ndrover ${nonce} begin\nhalf\ndrover ${nonce.slice(0, 5)}`)).toEqual({
      text: `half\ndrover ${nonce.slice(0, 5)}`,
      end: undefined,
    });
    expect(read(`\ndrover ${nonce} begin\nout\ndrover ${nonce} end 1`).end).toBeUndefined();
    expect(read(`\ndrover ${nonce} begin\n\ndrover ${nonce} end 127\n`)).toEqual({
      text: '',
      end: {kind: 'ended', status: 127, isLate: false},
    });
    expect(read(`\ndrover ${nonce} begin\n\ndrover ${nonce} end refused cannot write to /tmp\n`).end).toEqual({
      kind: 'refused',
      why: 'cannot write to /tmp',
    });
  });
});
