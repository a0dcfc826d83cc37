import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {
  parseAppName,
  parseFingerprint,
  parseHostName,
  parsePort,
  parseRoleName,
  parseSiloName,
  parseUserName,
} from '../../src/lib/inventory/host-name.js';

const hostile = [
  '-oProxyCommand=x',
  '',
  'a b',
  'a;b',
  '$(x)',
  '`x`',
  "a'b",
  'a"b',
  'a\nb',
  'web1\n',
  'a@b',
  'a/b',
  '../x',
  '%h',
  'a\\',
  '.a',
  '_a',
  'ä',
  'a\0b',
];

describe('parseHostName()', () => {
  it.each(['web1', 'web01.eu.example.com', 'Web_1', '10.0.0.1', '::1', 'fe80::1', '1', 'a'.repeat(253)])('accepts %s', (text) => {
    expect(parseHostName(text)).toBe(text);
  });

  it.each([...hostile, 'all', 'fe80::1%eth0', '[::1]', 'web1:22', 'a'.repeat(254)])('refuses %j', (text) => {
    expect(parseHostName(text)).toBeUndefined();
  });

  it('T1: lets through nothing that a shell or ssh would read as more than a name', () => {
    fc.assert(
      fc.property(fc.string({unit: 'binary', maxLength: 12}), (text) => {
        const parsed = parseHostName(text);
        expect(parsed === undefined || (/^[A-Za-z0-9:][A-Za-z0-9._:-]*$/.test(parsed) && parsed === text)).toBe(true);
      }),
      {numRuns: 10_000},
    );
  });
});

describe('the other names', () => {
  it.each([...hostile, 'a.b', 'a'.repeat(64)])('T3: silos, roles and apps are not called %j', (text) => {
    expect([parseSiloName(text), parseRoleName(text), parseAppName(text)]).toEqual([undefined, undefined, undefined]);
  });

  it.each(['eu', 'eu-west_1', '9', 'EU'])('silos, roles and apps may be called %s', (text) => {
    expect([parseSiloName(text), parseRoleName(text), parseAppName(text)]).toEqual([text, text, text]);
  });

  it.each(['-l', 'root;id', 'a\\', 'a b', 'a@b', '', '%r'])('T2: nobody logs in as %j', (text) => {
    expect(parseUserName(text)).toBeUndefined();
  });

  it('a login name may begin with an underscore and hold a dot', () => {
    expect(parseUserName('_ana.b-1')).toBe('_ana.b-1');
  });

  it.each(['0', '65536', '22.5', 'ssh', '', '022', '-1', '1e3', ' 22'])('%j is no port', (text) => {
    expect(parsePort(text)).toBeUndefined();
  });

  it('ports are 1..65535', () => {
    expect([parsePort('1'), parsePort('65535')]).toEqual([1, 65_535]);
  });

  it('a fingerprint is SHA256 in base64 of 43 characters', () => {
    const fingerprint = `SHA256:${'a'.repeat(43)}`;
    expect([parseFingerprint(fingerprint), parseFingerprint(`${fingerprint}a`), parseFingerprint('MD5:aa')]).toEqual([
      fingerprint,
      undefined,
      undefined,
    ]);
  });
});
