import {createHmac, randomBytes} from 'node:crypto';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {HashedNames} from '../../src/lib/host/hashed-names.js';
import {judgeHostKey, orderAlgorithms} from '../../src/lib/host/host-key.js';
import {fingerprintOf, KnownHosts, type KnownKeys, knownName} from '../../src/lib/host/known-hosts.js';
import {WorkSlices} from '../../src/lib/host/work-slices.js';
import {makeHost} from './some-host.js';

const key = (text: string): string => Buffer.from(text).toString('base64');

describe('known_hosts', () => {
  let folder: string;
  let files = 0;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'drover-known-'));
  });
  afterAll(() => rm(folder, {recursive: true, force: true}));

  async function lookUp(name: string, text: string): Promise<KnownKeys> {
    const file = path.join(folder, `known-${++files}`);
    await writeFile(file, text);
    return new KnownHosts().lookUp(name, [path.join(folder, 'missing'), file]);
  }
  const finds = async (name: string, patterns: string): Promise<boolean> =>
    (await lookUp(name, `${patterns} ssh-ed25519 ${key('k')}\n`)).keys.length > 0;

  it('matches names, patterns and what they except, in any case', async () => {
    expect(await finds('web1.eu', 'web1.eu')).toBe(true);
    expect(await finds('WEB1.eu', 'web1.EU')).toBe(true);
    expect(await finds('web1.eu', 'web2.eu,web1.eu')).toBe(true);
    expect(await finds('web1.eu', '*.eu')).toBe(true);
    expect(await finds('web1.eu', 'web?.eu')).toBe(true);
    expect(await finds('web1.eu', '*,!web1.eu')).toBe(false);
    expect(await finds('web1.eu', '!web1.eu,*')).toBe(false);
    expect(await finds('web1.eu', '!other')).toBe(false);
    expect(await finds('web1.eu', 'web')).toBe(false);
    expect(await finds('web1.eu', '*.us')).toBe(false);
    expect(await finds('[web1.eu]:2222', '[web1.eu]:2222')).toBe(true);
    expect(await finds('[web1.eu]:2222', '[web1.eu]:2223')).toBe(false);
    expect(await finds('web1.eu', '[web1.eu]:22')).toBe(false);
  });

  it('matches hashed names', async () => {
    const salt = randomBytes(20);
    const hash = (name: string): string => `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
    expect(await finds('web1.eu', hash('web1.eu'))).toBe(true);
    expect(await finds('[web1.eu]:2222', hash('[web1.eu]:2222'))).toBe(true);
    expect(await finds('web1.eu', hash('web2.eu'))).toBe(false);
    expect(await finds('web1.eu', '|1|nonsense')).toBe(false);
  });

  it('keeps keys, revoked keys and authorities apart, and passes over what it does not know', async () => {
    const known = await lookUp(
      'web1',
      [
        `# ${key('x')}`,
        '',
        `web1 ssh-ed25519 ${key('a')} comment`,
        `@revoked web1 ssh-rsa ${key('b')}`,
        `@cert-authority *1 ssh-rsa ${key('c')}`,
        `@future web1 ssh-rsa ${key('d')}`,
        'web1 broken',
        `\tweb1\tssh-rsa\t${key('e')}\r`,
      ].join('\n'),
    );
    expect(known.keys.map(({type, key: bytes}) => [type, bytes.toString()])).toEqual([
      ['ssh-ed25519', 'a'],
      ['ssh-rsa', 'e'],
    ]);
    expect(known.keys[0]?.where).toMatch(/known-\d+:3$/);
    expect(known.revoked.map(String)).toEqual(['b']);
    expect(known.certified).toBe(true);
  });

  it('matches patterns as a regular expression would', async () => {
    await fc.assert(
      fc.asyncProperty(fc.stringMatching(/^[ab.]{1,8}$/), fc.stringMatching(/^[ab.*?]{1,8}$/), async (name, pattern) => {
        const expected = new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '.*').replaceAll('?', '.')}$`).test(name);
        expect(await finds(name, pattern)).toBe(expected);
      }),
      {numRuns: 200},
    );
  });

  it('matches a hashed name exactly where HMAC-SHA1 says so, however long the name is', async () => {
    const names = fc.string({unit: 'grapheme-ascii', minLength: 1, maxLength: 253}).map((text) => text.toLowerCase());
    await fc.assert(
      fc.asyncProperty(names, names, fc.uint8Array({minLength: 20, maxLength: 20}), async (name, other, salt) => {
        const hashed = new HashedNames();
        [name, other].forEach((each, line) => {
          const digest = createHmac('sha1', salt).update(each).digest('base64');
          hashed.add(`|1|${Buffer.from(salt).toString('base64')}|${digest}`, line);
        });
        expect(await hashed.find(name, new WorkSlices())).toEqual(name === other ? [0, 1] : [0]);
      }),
      {numRuns: 300},
    );
  });

  describe('in a long file', () => {
    /** Remembers what was done between one turn of the event loop and the next. */
    class WatchedSlices extends WorkSlices {
      readonly done = [0];

      constructor(most: number) {
        super(most, async () => {
          this.done.push(0);
        });
      }

      override async spend(units: number): Promise<void> {
        this.done.push((this.done.pop() ?? 0) + units);
        await super.spend(units);
      }

      total(): number {
        return this.done.reduce((sum, units) => sum + units, 0);
      }
    }

    const hash = (name: string): string => {
      const salt = randomBytes(20);
      return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
    };
    const names = Array.from({length: 40}, (_, index) => `web${index}.example.com`);
    async function writeKnown(write: (name: string) => string): Promise<string> {
      const file = path.join(folder, `long-${++files}`);
      const all = [...names, ...Array.from({length: 1960}, (_, index) => `other${index}.example.com`)];
      await writeFile(file, all.map((name, index) => `${write(name)} ssh-ed25519 ${key(`k${index}`)}\n`).join(''));
      return file;
    }

    it('hashed names are each hashed once for a host, with a turn for others after every slice', async () => {
      const file = await writeKnown(hash);
      const slices = new WatchedSlices(500);
      const knownHosts = new KnownHosts(slices);
      const found = await Promise.all([...names, ...names].map((name) => knownHosts.lookUp(name, [file])));
      expect(found.map(({keys}) => keys.map((each) => each.key.toString()))).toEqual(
        [...names, ...names].map((_, index) => [`k${index % names.length}`]),
      );
      expect(Math.max(...slices.done)).toBeLessThanOrEqual(504);
      expect(slices.total()).toBeLessThan(2000 * (names.length + 5));
    });

    it('plain names cost no more with every host that is looked up', async () => {
      const file = await writeKnown((name) => `${name},10.0.0.1`);
      const slices = new WatchedSlices(500);
      const knownHosts = new KnownHosts(slices);
      await knownHosts.lookUp('nobody', [file]);
      const parsing = slices.total();
      for (const name of names) expect((await knownHosts.lookUp(name, [file])).keys).toHaveLength(1);
      expect(slices.total()).toBe(parsing);
      expect((await knownHosts.lookUp('10.0.0.1', [file])).keys).toHaveLength(2000);
    });
  });

  it('names a host as OpenSSH does', () => {
    expect(knownName({hostname: 'h', port: 22, hostKeyAlias: undefined})).toBe('h');
    expect(knownName({hostname: 'h', port: 23, hostKeyAlias: undefined})).toBe('[h]:23');
    expect(knownName({hostname: 'h', port: 23, hostKeyAlias: 'alias'})).toBe('alias');
  });
});

describe('the verdict over a host key', () => {
  const shown = Buffer.from('shown');
  const entry = (text: string) => ({type: 'ssh-ed25519', key: Buffer.from(text), where: 'f:1'});
  const nothing: KnownKeys = {keys: [], portless: [], revoked: [], certified: false};

  it('accepts a key that is known, or pinned', () => {
    expect(judgeHostKey(makeHost(), 'h', shown, {...nothing, keys: [entry('other'), entry('shown')]})).toBeUndefined();
    expect(judgeHostKey(makeHost({fingerprint: fingerprintOf(shown)}), 'h', shown, {...nothing, keys: [entry('other')]})).toBeUndefined();
    expect(judgeHostKey(makeHost(), '[h]:1', shown, {...nothing, portless: [entry('shown')]})).toBeUndefined();
  });

  it.each([
    ['is not known', makeHost(), nothing, 'check it, then: ssh-keyscan -p 1 h >> ~/.ssh/known_hosts'],
    ['has CHANGED', makeHost(), {...nothing, keys: [entry('other')]}, 'find out why before you connect: somebody may be in between'],
    [
      'is revoked',
      makeHost({fingerprint: fingerprintOf(shown)}),
      {...nothing, keys: [entry('shown')], revoked: [shown]},
      'find out why before you connect',
    ],
    [
      'the inventory pins SHA256:x',
      makeHost({fingerprint: 'SHA256:x'}),
      {...nothing, keys: [entry('shown')]},
      'find out why it changed, then correct the inventory',
    ],
    ['is not known', makeHost(), {...nothing, portless: [entry('other')]}, 'check it, then: ssh-keyscan -p 1 h >> ~/.ssh/known_hosts'],
    ['certificate authority', makeHost(), {...nothing, certified: true}, 'set ssh: {link: openssh} in the inventory'],
  ] as const)('refuses a key that %s', (words, host, known, fix) => {
    const error = judgeHostKey(host, '[h]:1', shown, known);
    expect([error?.code, error?.problems[0].fix]).toEqual(['host-key', fix]);
    expect(error?.message).toContain(words);
  });

  it('asks first for keys that are known', () => {
    expect(orderAlgorithms(nothing)[0]).toBe('ssh-ed25519');
    expect(orderAlgorithms({...nothing, keys: [{type: 'ssh-rsa', key: shown, where: ''}]}).slice(0, 3)).toEqual([
      'rsa-sha2-512',
      'rsa-sha2-256',
      'ssh-ed25519',
    ]);
    expect(orderAlgorithms({...nothing, keys: [{type: 'sk-ssh-ed25519@openssh.com', key: shown, where: ''}]})).toHaveLength(6);
  });
});
