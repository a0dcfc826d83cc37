import {spawnSync} from 'node:child_process';
import {existsSync} from 'node:fs';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {printable} from '../../src/lib/errors/printable.js';
import {quoteWord} from '../../src/lib/errors/shell-word.js';
import {KnownHosts, knownName, writeKnownLine} from '../../src/lib/host/known-hosts.js';
import {writeRevoked} from '../../src/lib/host/openssh-pin.js';
import {PrintingLink} from '../../src/lib/host/printing-link.js';
import {askSsh} from '../../src/lib/host/ssh-answer.js';
import {escapeToken, masterArguments, quotePath, sessionArguments, sshArguments} from '../../src/lib/host/ssh-arguments.js';
import {SshResolver} from '../../src/lib/host/ssh-resolver.js';
import type {Host, SshSettings} from '../../src/lib/inventory/host.js';
import {inventorySchema} from '../../src/lib/inventory/inventory-schema.js';
import {makeHost, patiently} from './some-host.js';

const pieces = [
  ...[
    '-',
    '--',
    '-o',
    '-oProxyCommand=touch BROKEN',
    '-F',
    ' ',
    '\t',
    '\n',
    '\r',
    '\0',
    '"',
    "'",
    '`',
    '`touch BROKEN`',
    '$(touch BROKEN)',
  ],
  ...[
    '$HOME',
    ['$', '{HOME}'].join(''),
    '%h',
    '%%',
    '%',
    '\\',
    '\\"',
    '#',
    '|',
    ';touch BROKEN;',
    '&',
    '>',
    '<',
    '@',
    '*',
    '?',
    '!',
    ',',
    '[',
    ']',
    '(',
    ')',
  ],
  ...[':', '/', '~/', '..', '.', '=', '\u202e', '\u200b', '\u2028', '\ud800', '\u001b]52;c;eA==\u0007', '::set-output::', 'é', '猫'],
  ...['web', 'a', 'all', 'none', '1', '22', 'x'.repeat(300)],
];
const hostile = fc.oneof(
  {weight: 4, arbitrary: fc.array(fc.constantFrom(...pieces), {maxLength: 5}).map((parts) => parts.join(''))},
  {weight: 1, arbitrary: fc.string({unit: 'binary', maxLength: 20})},
);

/** What the door of the inventory lets in of one setting; undefined when it refuses. Paths become absolute, as it makes them. */
function admit(field: string, text: string, folder = '/srv/o\'brien "x" 50% #1'): Host | undefined {
  const isName = field === 'name';
  const value = field === 'port' && /^\d{1,5}$/.test(text) ? Number(text) : text;
  const {success} = inventorySchema.safeParse({hosts: {[isName ? text : 'web1']: isName ? null : {[field]: value}}});
  if (!success || text.includes('[')) return undefined;
  if (isName) return makeHost({}, text);
  const key = field === 'known_hosts' ? 'knownHosts' : field;
  const isPath = field === 'identity' || field === 'config' || field === 'known_hosts';
  return makeHost({[key]: isPath ? path.resolve(folder, text) : value} as Partial<SshSettings>);
}

/** What getopt of ssh makes of arguments: options with their values, and the words after `--`. */
function readOptions(words: readonly string[]): {
  readonly options: readonly (readonly [string, string])[];
  readonly operands: readonly string[];
} {
  const options: (readonly [string, string])[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    if (word === '--') return {options, operands: words.slice(at + 1)};
    if (/^-[MNTv]$/.test(word)) options.push([word, '']);
    else if (/^-[FlpoiS]$/.test(word)) options.push([word, words[++at] ?? '']);
    else throw new Error(`${JSON.stringify(word)} is an option or a host of its own`);
  }
  return {options, operands: []};
}

/** What ssh makes of the value of a setting that holds paths: quotes and backslashes as in argv_split, then % tokens. */
function readPaths(value: string): string[] {
  const paths: string[] = [];
  let [at, quote, word] = [0, '', undefined as string | undefined];
  for (; at < value.length; at++) {
    const letter = value[at] ?? '';
    const next = value[at + 1] ?? '';
    if (letter === '\\' && (next === '"' || next === "'" || next === '\\' || (quote === '' && next === ' ')))
      word = `${word ?? ''}${value[++at]}`;
    else if (quote !== '' && letter === quote) quote = '';
    else if (quote === '' && (letter === '"' || letter === "'")) [quote, word] = [letter, word ?? ''];
    else if (quote === '' && (letter === ' ' || letter === '\t')) {
      if (word !== undefined) paths.push(word);
      word = undefined;
    } else if (quote === '' && letter === '#' && word === undefined) break;
    else word = `${word ?? ''}${letter}`;
  }
  if (quote !== '') throw new Error(`a quote is open in ${value}`);
  return [...paths, ...(word === undefined ? [] : [word])].map(readTokens);
}

function readTokens(text: string): string {
  if (/%(?!%)/.test(text.replaceAll('%%', ''))) throw new Error(`a token in ${text}`);
  return text.replaceAll('%%', '%');
}

const fields = ['name', 'user', 'port', 'address', 'identity', 'config', 'known_hosts'];

describe('T1 T2: hostile names, users, ports and options of ssh', () => {
  it('are refused, or are one value of one option in what ssh is started with', () => {
    let admitted = 0;
    fc.assert(
      fc.property(fc.constantFrom(...fields), hostile, (field, text) => {
        const host = admit(field, text);
        if (host === undefined) return;
        admitted++;
        const {user, port, address, identity, config, knownHosts} = host.ssh;
        const {options, operands} = readOptions(masterArguments(host, {socket: '/run/50%/c', settings: ['BatchMode=yes']}));
        expect(operands).toEqual([host.name]);
        expect(`${host.name}${user ?? ''}${address ?? ''}`).toMatch(/^[\w.:-]+$/);
        expect(`${host.name} ${user ?? 'x'} ${address ?? 'x'}`).not.toMatch(/(^| )-/);
        const given = options.map(([option, value]): [string, unknown] => {
          const [, keyword, rest = ''] = option === '-o' ? (/^(\w+)=(.*)$/s.exec(value) ?? []) : [];
          if (keyword === 'UserKnownHostsFile') return [keyword, readPaths(rest)];
          return keyword === undefined ? [option, option === '-i' || option === '-S' ? readTokens(value) : value] : [keyword, rest];
        });
        expect(given).toEqual([
          ...[
            ['-M', ''],
            ['-S', '/run/50%/c'],
            ['-N', ''],
            ['-T', ''],
            ['BatchMode', 'yes'],
          ],
          ...(config === undefined ? [] : [['-F', config]]),
          ...(user === undefined ? [] : [['-l', user]]),
          ...(port === undefined ? [] : [['-p', String(port)]]),
          ...(address === undefined ? [] : [['HostName', address]]),
          ...(identity === undefined
            ? []
            : [
                ['-i', identity],
                ['IdentitiesOnly', 'yes'],
              ]),
          ...(knownHosts === undefined
            ? []
            : [
                ['UserKnownHostsFile', [knownHosts]],
                ['GlobalKnownHostsFile', '/dev/null'],
              ]),
        ]);
      }),
      {numRuns: 10_000},
    );
    // Of what is only refused nothing would be proved.
    expect(admitted).toBeGreaterThan(500);
  });

  it('a path of any text stays one path, as ssh and a shell read it', () => {
    const paths: string[] = [];
    fc.assert(
      fc.property(hostile, (text) => {
        const file = `/${text}`;
        expect(readPaths(quotePath(escapeToken(file)))).toEqual([file]);
        expect(readOptions(sessionArguments(file)).options[0]).toEqual(['-S', escapeToken(file)]);
        if (!file.includes('\0') && Buffer.from(file).toString() === file) paths.push(file);
      }),
      {numRuns: 3000},
    );
    const some = paths.slice(0, 1000);
    const said = spawnSync('sh', ['-c', `printf '%s\\0' ${some.map(quoteWord).join(' ')}`], {encoding: 'utf8'}).stdout;
    expect(said.split('\0').slice(0, -1)).toEqual(some);
  });

  it('the lines that known_hosts and a pin get hold one name and one key, or are not written', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'drover-hostile-'));
    try {
      const key = Buffer.from('key').toString('base64');
      const lines: string[] = [];
      const names: string[] = [];
      const alias = fc.record({hostname: hostile, port: fc.constantFrom(22, 2222), hostKeyAlias: fc.option(hostile, {nil: undefined})});
      fc.assert(
        fc.property(alias, fc.uint8Array({maxLength: 24}), (resolved, bytes) => {
          expect(writeRevoked(Buffer.from(bytes))).toMatch(/^(@revoked \* [\w@.-]+ [\w+/=]+\n)?$/);
          const name = knownName(resolved);
          try {
            lines.push(writeKnownLine({name, type: 'ssh-ed25519', key}));
            names.push(name);
          } catch (error) {
            expect(error).toMatchObject({code: 'refused'});
          }
        }),
        {numRuns: 3000},
      );
      await writeFile(path.join(folder, 'known'), lines.join(''));
      const knownHosts = new KnownHosts();
      const find = async (name: string) => (await knownHosts.lookUp(name, [path.join(folder, 'known')])).keys;
      expect(names.length).toBeGreaterThan(50);
      for (const name of new Set(names)) {
        const found = await find(name);
        expect(found).toHaveLength(names.filter((each) => each.toLowerCase() === name.toLowerCase()).length);
        expect(found.every(({type}) => type === 'ssh-ed25519')).toBe(true);
      }
      expect(await find('anybody.else')).toEqual([]);
    } finally {
      await rm(folder, {recursive: true, force: true});
    }
  });

  it('a dry run prints one line of them', async () => {
    for (const label of fc.sample(hostile, 1000)) {
      const lines: string[] = [];
      const link = new PrintingLink(makeHost(), (line) => lines.push(printable(line)));
      await link.exec({command: 'true', label, idleTimeoutMs: 1, totalTimeoutMs: 1, maxOutputBytes: 1, signal: patiently});
      expect(lines).toHaveLength(1);
      expect(lines[0]).not.toMatch(/[\p{Cc}\u202e\u2028]/u);
    }
  });
});

describe.skipIf(spawnSync('ssh', ['-V']).status !== 0)('T1 T2: hostile values in front of a real ssh', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'drover-hostile-'));
  });
  afterAll(() => rm(folder, {recursive: true, force: true}));

  it('are taken as they are', async () => {
    const admitted = fc
      .sample(fc.tuple(fc.constantFrom(...fields.filter((field) => field !== 'config')), hostile), 3000)
      .flatMap(([field, text]) => admit(field, text) ?? []);
    for (const {name, ssh} of admitted.slice(0, 40)) {
      const host = makeHost({config: '/dev/null', ...ssh}, name);
      const resolved = await new SshResolver(process.env).resolve(host, patiently);
      const {values} = (await askSsh(host, process.env, patiently)) ?? {values: new Map<string, string[]>()};
      expect(values.get('hostname')).toEqual([resolved.hostname]);
      if (ssh.user !== undefined) expect(resolved.user).toBe(ssh.user);
      if (ssh.port !== undefined) expect(resolved.port).toBe(ssh.port);
      if (ssh.knownHosts !== undefined) expect(values.get('userknownhostsfile')).toEqual([ssh.knownHosts]);
      expect(values.get('proxycommand')).toBeUndefined();
    }
  });

  it('run nothing, even where no door stood before them', async () => {
    const names = fc.sample(hostile, 40).filter((text) => !text.includes('\0') && Buffer.from(text).toString() === text);
    for (const name of ['-oProxyCommand=touch BROKEN', '-oLocalCommand=touch BROKEN', '$(touch BROKEN)', ...names]) {
      const host = makeHost({config: '/dev/null', user: name.replace(/^$/, 'x')}, name);
      spawnSync('ssh', ['-G', ...sshArguments(host), '--', host.name], {cwd: folder});
    }
    expect(existsSync(path.join(folder, 'BROKEN'))).toBe(false);
  });
});
