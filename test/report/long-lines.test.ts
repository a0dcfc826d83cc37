import {describe, expect, it} from 'vitest';
import {printableLines} from '../../src/lib/errors/printable.js';
import {parseHostState} from '../../src/lib/host/host-state.js';
import {matchesWildcard} from '../../src/lib/inventory/wildcard.js';
import {cleanText} from '../../src/lib/report/foreign-text.js';

const mebibyte = 1024 * 1024;

/** Whoever is driven to try again for each character does not come to an end at these lengths, in the time of any test. */
describe('text that is made to cost time', () => {
  it.each([' ', '#', ':', '##[', ' ::', '\r', '\u001b]8;;', '\u202e', 'a', '\t'])('T34: a line of a mebibyte of %j is shown', (piece) => {
    const text = piece.repeat(mebibyte / piece.length);
    expect(cleanText(text).length).toBeGreaterThanOrEqual(text.length);
    expect(printableLines(`${text}\nend`).at(-1)).toBe('end');
    for (const key of ['journal', 'lease-reason', 'release', 'pin']) {
      expect(() => parseHostState(`${key} ${text}\n`)).not.toThrow();
    }
  });

  it('T34: a pattern with many wildcards is decided', () => {
    expect(matchesWildcard(`${'*a'.repeat(100)}b`, 'a'.repeat(20_000))).toBe(false);
  });
});
