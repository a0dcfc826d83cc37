import {mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import type {Happening} from '../../src/lib/events/event.js';
import type {Link} from '../../src/lib/host/link.js';
import {LocalLink} from '../../src/lib/host/local-link.js';
import {copyFromHosts, copyToHosts} from '../../src/lib/operations/copy-files.js';
import type {World} from '../../src/lib/operations/world.js';
import {readCopied} from '../../src/lib/snapshot/copied-tree.js';
import {packEntry} from '../host/raw-tar.js';
import {makeHost, patiently, plainEnv} from '../host/some-host.js';

const host = makeHost({link: 'local'});
const end = Buffer.alloc(1024);

/** A host that answers every call with these bytes, whatever it is asked. */
function lyingLink(archive: Buffer, ending = '\ntar-status 0\n\ndrover NONCE end 0\n'): Link {
  return {
    ...new LocalLink(host, plainEnv()),
    host,
    kind: 'ssh',
    async exec({stdin, onOutput, signal}) {
      const nonce = String(stdin).slice(0, 32);
      const bytes = Buffer.concat([
        Buffer.from(`motd\n\ndrover ${nonce} begin\nstream\n`),
        archive,
        Buffer.from(ending.replace('NONCE', nonce)),
      ]);
      for (let at = 0; at < bytes.length && !signal.aborted; at += 1000) await onOutput?.('stdout', bytes.subarray(at, at + 1000));
      return {
        exit: {kind: 'lost', reason: 'reset'},
        stdout: bytes.subarray(0, 1000),
        stderr: Buffer.alloc(0),
        truncated: bytes.length > 1000,
      };
    },
    dial: () => Promise.reject(new Error('nothing to dial')),
    close: async () => undefined,
  };
}

describe('copies', {timeout: 60_000}, () => {
  let dir: string;
  let happened: Happening[];
  const at = (...names: string[]): string => path.join(dir, ...names);
  const worldOf = (link: Link): World => ({
    project: {file: '', inventory: '', apps: new Map(), store: '', events: []},
    inventory: {file: '', hosts: [host]} as unknown as World['inventory'],
    links: {open: async () => link, drop: async () => undefined, closeAll: async () => undefined},
    emit: async (event) => void happened.push(event),
    ...{
      run: 'r1',
      operator: 'ana@laptop',
      reason: '',
      concurrency: 2,
      now: Date.now,
      random: () => 0,
      interrupted: patiently,
      signal: patiently,
    },
  });
  const why = (): string => happened.map((event) => (event.kind === 'host-ended' ? `${event.outcome} ${event.why ?? ''}` : '')).join('');
  const fetch = async (link: Link, from: string, maxBytes = 10_000): Promise<string> => {
    happened = [];
    await copyFromHosts(worldOf(link), {hosts: [host], retries: 0, next: '', from, into: at('got'), maxBytes});
    return why();
  };
  beforeAll(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'drover-copies-'));
    await mkdir(at('tree'));
  });
  afterAll(() => rm(dir, {recursive: true, force: true}));

  const file = (name: string, text = 'x\n'): Buffer => packEntry({name, text});
  const link = (name: string, target: string): Buffer => packEntry({name, type: '2', target, mode: 0o777});
  it.each([
    ['a name that climbs', [file('./tree/../../evil')], /has a "\.\." component/],
    ['an absolute name', [file('/tmp/evil')], /is absolute/],
    ['a file below a link', [link('tree/up', '../..'), file('tree/up/evil')], /lies below "tree\/up", which is a link/],
    ['a file in the place of a link', [link('tree', '..'), file('tree')], /is in it twice/],
    ['a hard link', [packEntry({name: 'tree/hard', type: '1', target: '/etc/passwd'})], /is a hard link/],
    ['a device', [packEntry({name: 'tree/null', type: '3'})], /is a character device/],
    ['another thing', [file('other')], /sent 1 things instead of "tree"/],
    ['one thing more', [file('tree'), file('more')], /sent 2 things instead of "tree"/],
    ['more than it may', [file('tree', 'x'.repeat(20_000))], /unpacks to more than 10,000 bytes/],
    ['a name with a line break', [file('tree/a\nb')], /contains a control character/],
  ] as const)('of a host that sends %s leave nothing here', async (_what, entries, message) => {
    expect(await fetch(lyingLink(Buffer.concat([...entries, end])), '/srv/tree')).toMatch(message);
    expect([await readdir(at('got', 'web1')), await readdir(dir)]).toEqual([[], ['got', 'tree']]);
  });

  it('of a host that goes away or could not read all leave nothing here', async () => {
    const whole = Buffer.concat([file('tree'), end]);
    expect(await fetch(lyingLink(whole, ''), '/srv/tree')).toMatch(/the connection was lost \(reset\)/);
    expect(await fetch(lyingLink(file('tree')), '/srv/tree')).toMatch(/was cut: its end is missing/);
    expect(await fetch(lyingLink(whole, '\ntar-status 2\n\ndrover NONCE end 0\n'), '/srv/tree')).toMatch(/could not be read whole/);
    expect(await readdir(at('got', 'web1'))).toEqual([]);
    await fetch(lyingLink(Buffer.concat([link('tree/up', '../../..'), link('tree/in', 'up'), file('tree/f'), end])), '/srv/tree');
    expect(happened.flatMap((event) => (event.kind === 'warning' ? [event.message] : []))).toEqual([
      'the link "tree/up" -> "../../.." is left out: it leads out of the tree',
      'the link "tree/in" -> "up" is left out: it leads out of the tree',
    ]);
    expect(await readdir(at('got', 'web1', 'tree'))).toEqual(['f']);
    await rm(at('got'), {recursive: true});
  });

  it('replace a file both ways, and tell of what is there already or changes meanwhile', async () => {
    const local = new LocalLink(host, plainEnv());
    await writeFile(at('motd'), 'hello\n', {mode: 0o640});
    const put = async (source: string): Promise<string> => {
      happened = [];
      const tree = await readCopied(at(source), patiently);
      if (source === 'changing') await writeFile(at(source), 'longer than it was\n');
      await copyToHosts(worldOf(local), {hosts: [host], retries: 0, next: '', tree, to: at('tree', 'motd'), merge: false});
      return why();
    };
    expect([await put('motd'), await put('motd')]).toEqual(['done ', 'unchanged ']);
    expect([await readFile(at('tree', 'motd'), 'utf8'), (await stat(at('tree', 'motd'))).mode & 0o7777]).toEqual(['hello\n', 0o640]);
    await writeFile(at('changing'), 'short\n');
    expect(await put('changing')).toContain('"file" in');
    expect(await readFile(at('tree', 'motd'), 'utf8')).toBe('hello\n');
    for (const text of ['first\n', 'second\n']) {
      await writeFile(at('tree', 'motd'), text);
      expect(await fetch(local, at('tree', 'motd'))).toBe('done ');
      expect(await readFile(at('got', 'web1', 'motd'), 'utf8')).toBe(text);
    }
    expect(await fetch(local, at('tree'))).toBe('done ');
    expect(await fetch(local, at('tree'))).toMatch(/got\/web1\/tree is there already; remove it, or name another folder$/);
    expect((await readdir(at('got', 'web1'))).sort()).toEqual(['motd', 'tree']);
  });

  it('of names that cannot be kept are refused by name', async () => {
    await mkdir(at('odd'));
    await writeFile(Buffer.concat([Buffer.from(`${at('odd')}/bad`), Buffer.from([0xff])]), '');
    await writeFile(at('odd', 'line\nbreak'), '');
    const error = (await readCopied(at('odd'), patiently).catch((caught: unknown) => caught)) as {problems: {message: string}[]};
    expect(error.problems.map(({message}) => message.replace(dir, '')).sort()).toEqual([
      '"bad<ff>" in /odd has a name that is not valid UTF-8 (hex 626164ff)',
      '"line\nbreak" in /odd contains a control character',
    ]);
    await expect(readCopied(at('none'), patiently)).rejects.toMatchObject({code: 'not-found'});
  });
});
