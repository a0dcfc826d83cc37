import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {DroverError} from '../../src/lib/errors/drover-error.js';
import {readSource, type Source} from '../../src/lib/inventory/source.js';

function read(text: string, format: 'yaml' | 'json'): Source | DroverError {
  try {
    return readSource(text, {file: 'any', format, whenEmpty: {message: 'any is empty', fix: 'fill it'}});
  } catch (error) {
    if (error instanceof DroverError) return error;
    throw error;
  }
}

/** Text that comes near YAML: its indicators, line ends, quotes and some words. */
const nearYaml = fc
  .array(
    fc.constantFrom(
      'a',
      'b: ',
      '- ',
      '\n',
      '\n  ',
      '\t',
      '[',
      ']',
      '{',
      '}',
      ',',
      ': ',
      '&x ',
      '*x',
      '!t ',
      '"',
      "'",
      '#',
      '|\n',
      '? ',
      '---\n',
      '%',
      '01',
      '~',
      '\r\n',
      '\\',
    ),
  )
  .map((pieces) => pieces.join(''));

describe('readSource()', () => {
  it.each(['yaml', 'json'] as const)('reads or refuses any text as %s', (format) => {
    fc.assert(
      fc.property(fc.oneof(nearYaml, fc.string(), fc.string({unit: 'binary'})), (text) => {
        expect(read(text, format).problems.every(({message, code}) => message !== '' && code === 'invalid-file')).toBe(true);
      }),
      {numRuns: 3000},
    );
  });

  it('gives what JSON.parse() gives, where the numbers are written as they count', () => {
    const json = fc.jsonValue({maxDepth: 4, noUnicodeString: false}).filter((value) => {
      const text = JSON.stringify(value);
      return value !== null && !/__proto__|constructor|prototype|<<|"":|\\u0000/.test(text);
    });
    fc.assert(
      fc.property(json, (value) => {
        const result = read(JSON.stringify(value, null, 1), 'json');
        if (result instanceof DroverError) throw result;
        expect(result.data).toEqual(JSON.parse(JSON.stringify(value)));
        expect(result.problems).toEqual([]);
      }),
    );
  });

  it('reads the same from JSON whether it is taken as JSON or as YAML', () => {
    const tree = fc.letrec((tie) => ({
      value: fc.oneof({maxDepth: 3}, fc.integer(), fc.boolean(), fc.string(), fc.array(tie('value'), {maxLength: 3}), tie('map')),
      map: fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), tie('value'), {maxKeys: 3}),
    })).map;
    fc.assert(
      fc.property(tree, (value) => {
        const [json, yaml] = (['json', 'yaml'] as const).map((format) => read(JSON.stringify(value), format));
        if (json instanceof DroverError || yaml instanceof DroverError || !json || !yaml) throw new Error('refused');
        expect(yaml.data).toEqual(json.data);
      }),
    );
  });

  it('counts columns in characters, not in UTF-16 units', () => {
    const source = read('{"😀": 1, "b": 2}', 'yaml');
    if (source instanceof DroverError) throw source;
    expect(source.problem('key', ['b'], 'here')).toMatchObject({line: 1, column: 10});
    expect(source.problem('value', ['b'], 'here')).toMatchObject({line: 1, column: 15});
    expect(source.problem('value', ['absent'], 'here')).toMatchObject({line: 1, column: 1});
  });
});
