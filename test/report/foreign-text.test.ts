import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {cleanLines, cleanText, defuse} from '../../src/lib/report/foreign-text.js';
import {escapeMarkup} from '../../src/lib/report/markup.js';

describe('foreign text', () => {
  it.each([
    ['::error::gotcha', '\\::error::gotcha'],
    ['  ::set-output name=x::y', '  \\::set-output name=x::y'],
    ['a ##[group]b', 'a #\\#[group]b'],
    ['##vso[task.setvariable]x', '#\\#vso[task.setvariable]x'],
    ['a::b 1::2', 'a::b 1::2'],
    ['# heading ## not', '# heading ## not'],
  ])('%j is printed as %j', (text, expected) => {
    expect(cleanText(text)).toBe(expected);
  });

  it('T8: has no line that a CI system or a terminal would act upon, whatever it is', () => {
    const piece = fc.constantFrom('::', '##[', '##vso[', '#', ' ', '\n', '\r', '\u001b]0;x\u0007', '\u202e', 'text', 'error');
    fc.assert(
      fc.property(
        fc.array(piece).map((pieces) => pieces.join('')),
        (text) => {
          for (const line of cleanLines(text)) {
            expect(line).not.toMatch(/^\s*::|##\w*\[/);
            // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not be there
            expect(line).not.toMatch(/[\u0000-\u001f\u202e]/);
            expect(defuse(line)).toBe(line);
          }
        },
      ),
    );
  });

  it.each([
    ['a clipboard', '\u001b]52;c;ZXZpbA==\u0007', '\\x1b]52;c;ZXZpbA==\\x07'],
    ['a title', '\u001b]0;x\u001b\\', '\\x1b]0;x\\x1b\\'],
    ['a link', '\u001b]8;;http://x\u0007y', '\\x1b]8;;http://x\\x07y'],
    ['pasted text', '\u001b[200~rm\u001b[201~', '\\x1b[200~rm\\x1b[201~'],
    ['controls of eight bits', '\u009b2J\u0090', '\\x9b2J\\x90'],
    ['a line written over', 'fine\rbad', 'fine\\rbad'],
    ['letters from right to left', '\u202egpj.exe\u2066', '\\u202egpj.exe\\u2066'],
    ['a section of GitLab', 'section_start:1:x\r\u001b[0K', 'section_start:1:x\\r\\x1b[0K'],
    ['a mask of GitHub', '::add-mask::x', '\\::add-mask::x'],
  ])('T8: shows %s and does not do it', (_, text, shown) => {
    expect(cleanText(text)).toBe(shown);
  });

  it('cannot leave a piece of markup', () => {
    expect(escapeMarkup(`<img src=x onerror="alert('1')">&\u001b`)).toBe(
      '&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;\\x1b',
    );
  });
});
