import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {cutText, measureText, padText, wrapText} from '../../src/lib/report/display-width.js';
import {renderTable} from '../../src/lib/report/table.js';

const columns = [{title: 'HOST', shrinks: false}, {title: 'SILO'}, {title: 'HOSTS', align: 'right' as const}, {title: 'WHY'}];
const rows = [
  [
    'web01.eu.example.com',
    'eu',
    '12',
    {text: 'connection refused while reading the state of the host, after three tries', paint: 'bad' as const},
  ],
  ['東京-web-1', 'ap', '3', '✅ fine, naïve café'],
  ['::error::', 'us', '400', 'tab\tand \u001b[31mescape'],
];

describe('renderTable', () => {
  it.each([80, 200])('fits %d columns', async (width) => {
    const text = renderTable({columns, rows, width});
    for (const line of text.split('\n')) expect(measureText(line)).toBeLessThanOrEqual(width);
    await expect(text).toMatchFileSnapshot(`golden/table-${width}.txt`);
  });

  it('prints whole cells between tabs for a pipe', async () => {
    await expect(renderTable({columns, rows})).toMatchFileSnapshot('golden/table-piped.txt');
    expect(renderTable({columns, rows, header: false}).split('\n')).toHaveLength(4);
  });

  it('colours cells without moving them', () => {
    const plain = renderTable({columns, rows, width: 80});
    const coloured = renderTable({columns, rows, width: 80, colour: true});
    expect(coloured).toContain('\u001b[31m');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are escapes
    expect(coloured.replace(/\u001b\[\d+m/g, '').replace(/ +$/gm, '')).toBe(plain);
  });

  it('never writes a line wider than the terminal, however narrow', () => {
    fc.assert(
      fc.property(
        fc.integer({min: 1, max: 60}),
        fc.array(fc.array(fc.string({unit: 'grapheme'}), {minLength: 4, maxLength: 4})),
        (width, cells) => {
          for (const line of renderTable({columns, rows: cells, width}).split('\n')) expect(measureText(line)).toBeLessThanOrEqual(width);
        },
      ),
    );
  });
});

describe('display width', () => {
  it.each([
    ['abc', 3],
    ['東京', 4],
    ['ｆｕｌｌ', 8],
    ['e\u0301', 1],
    ['👍🏽', 2],
    ['🇩🇪', 2],
    ['❤️', 2],
    ['한글', 4],
    ['…', 1],
  ])('%s takes %d columns', (text, width) => {
    expect(measureText(text)).toBe(width);
  });

  it('cuts between characters and says so', () => {
    expect(cutText('東京都', 5)).toBe('東京…');
    expect(cutText('東京都', 4)).toBe('東…');
    expect(cutText('abc', 3)).toBe('abc');
    expect(padText('東', 4, 'right')).toBe('  東');
  });

  it('wraps without losing a character and within the width', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('web[1-3]', ',', ' ', 'a', 'longword'.repeat(5), '東京')).map((parts) => parts.join('')),
        fc.integer({min: 2, max: 30}),
        (text, width) => {
          const lines = wrapText(text, width);
          for (const line of lines) expect(measureText(line)).toBeLessThanOrEqual(width);
          expect(lines.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
        },
      ),
    );
  });
});
