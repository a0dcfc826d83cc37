import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {DroverError, formatProblem} from '../../src/lib/errors/drover-error.js';
import {foldHostSet} from '../../src/lib/inventory/folded-hosts.js';
import {expandHostSet} from '../../src/lib/inventory/host-set.js';

function refusal(text: string): string {
  try {
    return `accepted: ${expandHostSet(text).length} names`;
  } catch (error) {
    if (error instanceof DroverError) return formatProblem(error.problems[0]);
    throw error;
  }
}

/** Names in the shapes that fleets have: padded and unpadded numbers, several of them, suffixes, none. */
const hostName = fc.oneof(
  fc
    .tuple(fc.constantFrom('web', 'web-', 'lb'), fc.nat(120), fc.constantFrom(0, 2, 3), fc.constantFrom('', '.eu', '.us'))
    .map(([prefix, number, width, suffix]) => prefix + String(number).padStart(width, '0') + suffix),
  fc.tuple(fc.nat(3), fc.nat(12)).map(([rack, node]) => `rack${rack}-node${node}`),
  fc.tuple(fc.nat(3), fc.nat(255)).map(([net, host]) => `10.0.${net}.${host}`),
  fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,20}$/),
);

describe('expandHostSet()', () => {
  it.each([
    ['web1', ['web1']],
    ['web[1-3,7]', ['web1', 'web2', 'web3', 'web7']],
    ['web[08-11].eu.example.com', ['web08.eu.example.com', 'web09.eu.example.com', 'web10.eu.example.com', 'web11.eu.example.com']],
    ['web[99-101]', ['web99', 'web100', 'web101']],
    ['w[01-02,5]', ['w01', 'w02', 'w5']],
    ['r[1-2]n[1-2]', ['r1n1', 'r1n2', 'r2n1', 'r2n2']],
    ['web[1-2], lb1', ['web1', 'web2', 'lb1']],
    ['web[1-2],web[2-3]', ['web1', 'web2', 'web3']],
  ])('reads %s', (text, names) => {
    expect(expandHostSet(text)).toEqual(names);
  });

  it.each([
    ['web-[9-1]', 'error[selection]: host "web-[9-1]" counts down; write "web-[1-9]"'],
    ['web[1-3', 'error[selection]: host "web[1-3" lacks a closing bracket; write, for example, "web[1-3,7]"'],
    ['web1-3]', 'error[selection]: host "web1-3]" has a bracket too many at character 7; write, for example, "web[1-3,7]"'],
    ['web[[1]]', 'error[selection]: host "web[[1]]" has a bracket too many at character 5; write, for example, "web[1-3,7]"'],
    ['web[]', 'error[selection]: host "web[]" has "" where a number or a range belongs; write, for example, "web[1-3,7]"'],
    ['web[1-]', 'error[selection]: host "web[1-]" has "1-" where a number or a range belongs; write, for example, "web[1-3,7]"'],
    ['web[a-c]', 'error[selection]: host "web[a-c]" has "a-c" where a number or a range belongs; write, for example, "web[1-3,7]"'],
    ['web[1-05]', 'error[selection]: host "web[1-05]" mixes widths; write "web[01-05]"'],
    ['web1,,web2', 'error[selection]: host "web1,,web2" has an empty name; remove the comma or name a host'],
    ['', 'error[selection]: host "" has an empty name; remove the comma or name a host'],
    ['w[1-10001]', 'error[selection]: host "w[1-10001]" names more than 10,000 hosts; name fewer'],
    ['w[1-200]x[1-200]', 'error[selection]: host "w[1-200]x[1-200]" names more than 10,000 hosts; name fewer'],
    ['a[1-6000],b[1-6000]', 'error[selection]: host "a[1-6000],b[1-6000]" names more than 10,000 hosts; name fewer'],
    ['w[1-9999999999999999]', 'error[selection]: host "w[1-9999999999999999]" has a number of more than 15 digits'],
  ])('refuses %s', (text, line) => {
    expect(refusal(text)).toBe(line);
  });

  it('accepts exactly 10,000 hosts', () => {
    expect(expandHostSet('w[1-10000]')).toHaveLength(10_000);
  });

  it('gives names or a DroverError for any text', () => {
    fc.assert(fc.property(fc.string(), (text) => refusal(text).startsWith('error[selection]: ') || expandHostSet(text).length > 0));
  });
});

describe('foldHostSet()', () => {
  it.each([
    [['web1', 'web2', 'web3', 'web7'], 'web[1-3,7]'],
    [['web7', 'web1'], 'web[1,7]'],
    [['web01', 'web02', 'web10'], 'web[01-02,10]'],
    [['web1', 'web01', 'web10'], 'web[1,01,10]'],
    [['web1.eu', 'web2.eu', 'web1.us'], 'web[1-2].eu,web1.us'],
    [['rack1-n1', 'rack1-n2', 'rack2-n1', 'rack2-n2'], 'rack[1-2]-n[1-2]'],
    [['10.0.0.1', '10.0.0.2', '10.0.1.7'], '10.0.0.[1-2],10.0.1.7'],
    [['web2', 'db', 'web2'], 'db,web2'],
    [[], ''],
  ])('folds %j', (names, text) => {
    expect(foldHostSet(names)).toBe(text);
  });

  it('gives back the same set when it is expanded', () => {
    fc.assert(
      fc.property(fc.uniqueArray(hostName, {minLength: 1, maxLength: 60}), (names) => {
        expect(expandHostSet(foldHostSet(names)).sort()).toEqual([...names].sort());
      }),
    );
  });

  it('does not depend on the order of the names', () => {
    fc.assert(
      fc.property(fc.uniqueArray(hostName, {minLength: 1, maxLength: 30}), (names) => {
        expect(foldHostSet([...names].reverse())).toBe(foldHostSet(names));
      }),
    );
  });
});
