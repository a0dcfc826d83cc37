import {execFileSync, spawnSync} from 'node:child_process';
import fs from 'node:fs';
import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {compileIgnores, splitIgnoreFile} from '../../src/lib/snapshot/ignore-rules.js';
import {withFolder} from './fixture.js';

describe('compileIgnores()', () => {
  it.each([
    ['*.log', 'a/b.log', true],
    ['/build', 'build', true],
    ['/build', 'a/build', false],
    ['a/b', 'c/a/b', false],
    ['build/', 'build', false],
    ['foo/**', 'foo', false],
    ['foo/**', 'foo/x', true],
    ['**/foo', 'a/b/foo', true],
    ['a/**/b', 'a/b', true],
    ['a/**/b', 'a/x/y/b', true],
    ['*', '.hidden', true],
    ['a*c', 'ab/c', false],
    ['[!a]x', 'bx', true],
    ['\\#x', '#x', true],
    ['\\!x', '!x', true],
    ['x ', 'x', true],
    ['x\\ ', 'x ', true],
    ['x\r', 'x', true],
    ['# x', '# x', false],
  ] as const)('%j of %j: %s', (pattern, path, ignored) => {
    expect(compileIgnores([pattern])(path, false)).toBe(ignored);
  });

  it('lets the last pattern that matches decide', () => {
    const ignores = compileIgnores(splitIgnoreFile('\ufeff*.log\r\n!keep.log\n'));
    expect([ignores('a.log', false), ignores('keep.log', false)]).toEqual([true, false]);
  });

  it.each([
    ['stars', `${'*a'.repeat(40)}*b`, 'a'.repeat(4000), 'b'],
    ['stars and question marks', `x/${'*?'.repeat(40)}*b`, `x/${'a'.repeat(4000)}`, 'b'],
    ['double stars', `${'**/a/'.repeat(40)}b`, `${'a/'.repeat(2000)}c`, '/a/b'],
    ['stars between double stars', `${'**/*a*a*a/'.repeat(40)}*b`, `${'aaaaaaa/'.repeat(500)}c`, 'b'],
    ['nothing but double stars', `${'**/'.repeat(4000)}*a*b`, `${'a/'.repeat(2000)}ca`, 'b'],
  ])('T34: a pattern of 40 and more %s is decided', (_, pattern, path, end) => {
    const ignores = compileIgnores([pattern]);
    expect([ignores(path, false), ignores(`${path}${end}`, false)]).toEqual([false, true]);
  });

  it('T34: many spaces at the end of a pattern, and in the middle, are decided', () => {
    const spaces = ' '.repeat(100_000);
    expect(compileIgnores([`x${spaces}y${spaces}`])(`x${spaces}y`, false)).toBe(true);
  });

  it('agrees with git check-ignore on any pattern and path', async () => {
    const part = fc.constantFrom(
      'a',
      'b',
      'ab',
      '*',
      '?',
      '**',
      '[ab]',
      '[!a]',
      '[^b]',
      '[a-c]',
      '[]a]',
      '[[:alpha:]]',
      '.a',
      '\\*',
      'a*',
      '*b',
      '{a,b}',
      '(a)',
      '+',
      'a b',
      '[',
      'a\\',
      '^',
      '$',
      'a*b*',
      '*a*[ab]*b',
      '*b?*a',
    );
    const pattern = fc
      .tuple(fc.constantFrom('', '', '!', '/'), fc.array(part, {minLength: 1, maxLength: 5}), fc.constantFrom('', '', '/', ' '))
      .map(([start, parts, end]) => `${start}${parts.join('/')}${end}`);
    const component = fc.constantFrom(
      'a',
      'b',
      'ab',
      '.a',
      '*',
      'c',
      ']',
      '{a,b}',
      '(a)',
      '+',
      'a b',
      '^',
      '$',
      'a\\',
      '[',
      'aab',
      'abab',
      'bba',
    );
    const path = fc.array(component, {minLength: 1, maxLength: 4}).map((parts) => parts.join('/'));
    await withFolder(async (folder) => {
      execFileSync('git', ['init', '-q', folder], {stdio: 'ignore'});
      fc.assert(
        fc.property(fc.array(pattern, {minLength: 1, maxLength: 3}), fc.array(path, {minLength: 1, maxLength: 8}), (patterns, paths) => {
          fs.writeFileSync(`${folder}/.git/info/exclude`, patterns.map((line) => `${line}\n`).join(''));
          const checked = spawnSync('git', ['-C', folder, 'check-ignore', '--stdin', '-z', '--no-index'], {input: paths.join('\0')});
          const ignored = new Set(checked.stdout.toString().split('\0'));
          const ignores = compileIgnores(patterns);
          // As the walk asks: nothing below an ignored directory.
          const isIgnored = (whole: string): boolean => {
            const parts = whole.split('/');
            return parts.some((_, index) => ignores(parts.slice(0, index + 1).join('/'), index < parts.length - 1));
          };
          for (const each of paths)
            expect({patterns, each, ignored: isIgnored(each)}).toEqual({patterns, each, ignored: ignored.has(each)});
        }),
        {numRuns: 150},
      );
    });
  }, 300_000);
});
