import {execFileSync} from 'node:child_process';
import {mkdir, symlink} from 'node:fs/promises';
import {describe, expect, it} from 'vitest';
import {loadInventory} from '../../src/lib/inventory/inventory-file.js';
import {useTempFolder} from './temp-folder.js';

const folder = useTempFolder();
const {signal} = new AbortController();
const nameRule = 'letters, digits, dot, hyphen, or an IP address';

type Case = [id: string, name: string, content: string | Buffer, lines: string[]];

const cases: Case[] = [
  ['XI2', 'empty.yml', '', ['inventory empty.yml is empty; it needs at least one host']],
  ['XI2', 'comment.yml', '# nothing yet\n', ['inventory comment.yml is empty; it needs at least one host']],
  ['XI2', 'none.yml', 'hosts: {}\n', ['inventory none.yml is empty (none.yml:1:1); it needs at least one host']],
  ['XI4', 'tab.yml', 'hosts:\n  web1:\n\tsilo: eu\n', ['tab used for indentation (tab.yml:3:1); use spaces']],
  ['XI5', 'twice.yml', 'hosts:\n  web1: {}\n  web2: {}\n  web1: {}\n', ['duplicate key "web1", first at 2:3 (twice.yml:4:3); rename one']],
  ['XI5', 'twice.json', '{"hosts": {"web1": {},\n "web1": {}}}', ['duplicate key "web1", first at 1:12 (twice.json:2:2); rename one']],
  [
    'XI5, by way of ranges',
    'overlap.yml',
    'hosts:\n  web[1-3]: {}\n  WEB2: {}\n',
    ['host "WEB2" is named twice, first at 2:3 (overlap.yml:3:3); remove it from one of them'],
  ],
  [
    'T27',
    'require.yml',
    'hosts:\n  web1: {link: ssh}\n  web2: {link: local}\nssh: {require: openssh, link: ssh}\n',
    [
      'link ssh, where ssh.require at 4:7 wants openssh (require.yml:2:16); remove it',
      'link ssh, where ssh.require at 4:7 wants openssh (require.yml:4:31); remove it',
    ],
  ],
  ['XI7', 'tag.yml', 'hosts:\n  web1:\n    silo: !!js/function "x"\n', ['tag !!js/function is not allowed (tag.yml:3:11); remove it']],
  [
    'XI7',
    'anchor.yml',
    'hosts:\n  web1: &a {silo: eu}\n  web2: *a\n  web3:\n    <<: *a\n',
    [
      'anchor &a is not allowed (anchor.yml:2:9); write the value where it is used',
      'alias *a is not allowed (anchor.yml:3:9); write the value out',
      'merge key "<<" is not allowed (anchor.yml:5:5); write the keys out',
      'alias *a is not allowed (anchor.yml:5:9); write the value out',
    ],
  ],
  ['XI7', 'two.yml', 'hosts: {web1: {}}\n---\nhosts: {}\n', ['a second document begins here (two.yml:2:1); keep one document in a file']],
  ['XI7', 'directive.yml', '%YAML 1.1\n---\nhosts: {web1: {}}\n', ['directive %YAML 1.1 is not allowed (directive.yml:1:1); remove it']],
  ['XI9', 'comma.json', '{"hosts": {"web1": {}, }}', ['not JSON: expected a key in double quotes, got "}" (comma.json:1:24)']],
  ['XI9', 'remark.json', '{"hosts": // mine\n{}}', ['not JSON: expected a value, got "/" (remark.json:1:11); remove the comment']],
  ['XI9', 'utf16.json', Buffer.from('\ufeff{"hosts": {}}', 'utf16le'), ['not UTF-8 text: byte 0xFF (utf16.json:1:1); save it as UTF-8']],
  ['XI9', 'latin1.yml', Buffer.from('hosts:\n  münchen: {}\n', 'latin1'), ['not UTF-8 text: byte 0xFC (latin1.yml:2:4); save it as UTF-8']],
  ['XI9', 'cut.yml', Buffer.from([0x61, 0x3a, 0x20, 0xe2, 0x82]), ['not UTF-8 text: byte 0xE2 (cut.yml:1:4); save it as UTF-8']],
  ['XI9', 'bom.yml', '\ufeffhosts: {web1: {}}\n', ['the file begins with a byte order mark (bom.yml:1:1); save it as UTF-8 without one']],
  ['XI9', 'nul.yml', 'hosts:\n  web\0: {}\n', ['not text: byte 0x00 (nul.yml:2:6); save it as UTF-8']],
  ['XI9', 'nul.json', '{"hosts": {"web1": {"silo": "\\u0000"}}}', ['NUL is not allowed in text (nul.json:1:29); remove it']],
  [
    'XI11',
    'proto.json',
    '{"hosts": {\n  "__proto__": {},\n  "constructor": {},\n  "web1": {"prototype": {}}}}',
    [
      'key "__proto__" is not allowed (proto.json:2:3); rename it',
      'key "constructor" is not allowed (proto.json:3:3); rename it',
      'key "prototype" is not allowed (proto.json:4:12); rename it',
    ],
  ],
  [
    'XI12',
    'names.yml',
    [
      'hosts:',
      '  "-oProxyCommand=x": {}',
      '  "a b": {}',
      '  "a\\"b": {}',
      '  "a;b": {}',
      '  "$(x)": {}',
      '  "ana@web1": {}',
      '  "web1\\n": {}',
      '  "": {}',
      '  all: {}',
      '  web-[9-1]: {}',
      '',
    ].join('\n'),
    [
      `host "-oProxyCommand=x" is not a valid name (names.yml:2:3); ${nameRule}`,
      `host "a b" is not a valid name (names.yml:3:3); ${nameRule}`,
      `host "a\\"b" is not a valid name (names.yml:4:3); ${nameRule}`,
      `host "a;b" is not a valid name (names.yml:5:3); ${nameRule}`,
      `host "$(x)" is not a valid name (names.yml:6:3); ${nameRule}`,
      `host "ana@web1" is not a valid name (names.yml:7:3); ${nameRule}`,
      `host "web1\\n" is not a valid name (names.yml:8:3); ${nameRule}`,
      'a key is empty (names.yml:9:3); name it',
      'host "all" is not a valid name (names.yml:10:3); the word "all" selects every host; choose another',
      'host "web-[9-1]" counts down (names.yml:11:3); write "web-[1-9]"',
    ],
  ],
  [
    'XI13',
    'users.yml',
    'hosts:\n  web1: {user: "root;id"}\n  web2: {user: -l}\n  web3: {user: "a\\\\"}\nssh: {user: "%r"}\n',
    [
      'user "root;id" is not a valid user name (users.yml:2:16); letters, digits, dot, hyphen and underscore',
      'user "-l" is not a valid user name (users.yml:3:16); letters, digits, dot, hyphen and underscore',
      'user "a\\\\" is not a valid user name (users.yml:4:16); letters, digits, dot, hyphen and underscore',
      'user "%r" is not a valid user name (users.yml:5:13); letters, digits, dot, hyphen and underscore',
    ],
  ],
  [
    'XI14',
    'ports.yml',
    'hosts:\n  a: {port: 0}\n  b: {port: 65536}\n  c: {port: 22.5}\n  d: {port: "ssh"}\n  e: {port: }\n',
    [
      'port must be 1..65535, got 0 (ports.yml:2:13)',
      'port must be 1..65535, got 65536 (ports.yml:3:13)',
      'port must be 1..65535, got 22.5 (ports.yml:4:13)',
      'port must be 1..65535, got "ssh" (ports.yml:5:13)',
      'port must be 1..65535, got nothing (ports.yml:6:13)',
    ],
  ],
  [
    'XI17',
    'unknown.yml',
    'hosts:\n  web1:\n    silos: eu\n    colour: red\nshh: {}\n',
    [
      'unknown key "silos" (unknown.yml:3:5); did you mean "silo"?',
      'unknown key "colour" (unknown.yml:4:5); known here: silo, role, address, relay_address, fingerprint, user, port, identity, config, known_hosts, link, connect_timeout',
      'unknown key "shh" (unknown.yml:5:1); did you mean "ssh"?',
    ],
  ],
  ['XI17, of a key that must be there', 'host.yml', 'host: {web1: {}}\n', ['unknown key "host" (host.yml:1:1); did you mean "hosts"?']],
  [
    'values that YAML reads in its own way',
    'traps.yml',
    'hosts:\n  web1: {silo: 1}\n  web2: {silo: 010}\n  web3: {silo: 1e3}\n  web4: {silo: true}\n  web5: {silo: }\n  web6: {role: 2}\n',
    [
      'silo must be text, got 1 (traps.yml:2:16); quote it: "1"',
      '010 can be read as more than one number (traps.yml:3:16); write 10, or quote it: "010"',
      '1e3 can be read as more than one number (traps.yml:4:16); write 1000, or quote it: "1e3"',
      'silo must be text, got true (traps.yml:5:16); quote it: "true"',
      'silo must be text, got nothing (traps.yml:6:16)',
      'role must be text or a list, got 2 (traps.yml:7:16); quote it: "2"',
    ],
  ],
  [
    'the rest of the settings',
    'settings.yml',
    'hosts:\n  web[1-2]: {address: 10.0.0.1}\n  a: {link: sshh, fingerprint: abc, role: []}\n  b: {identity: "%h", connect_timeout: 5}\n  c: [x]\n',
    [
      'one address for 2 hosts (settings.yml:2:14); list each host with its own',
      'link must be "auto", "ssh", "openssh" or "local", got "sshh" (settings.yml:3:13); did you mean "ssh"?',
      'fingerprint "abc" is not a valid fingerprint (settings.yml:3:32); SHA256:…, as ssh-keygen -lf prints it',
      'role is empty (settings.yml:3:43); give it a value',
      'identity "%h" is not a valid path (settings.yml:4:17); an absolute path, a path from the folder of the inventory, or ~/…; without %, quotes or ${',
      'connect_timeout needs a unit, for example 5s or 2m, got "5" (settings.yml:4:40)',
      'c must be a map, got a list (settings.yml:5:6)',
    ],
  ],
  ['not a map', 'list.yml', '- web1\n', ['the file must be a map, got a list (list.yml:1:1)']],
  ['not a map', 'hosts-list.yml', 'hosts: [web1]\n', ['hosts must be a map, got a list (hosts-list.yml:1:8)']],
  ['a key that is no text', 'complex.yml', 'hosts:\n  ? [web1]\n  : {}\n', ['a key must be text (complex.yml:2:5); put quotes around it']],
  ['nesting that would end the process', 'deep.yml', '['.repeat(100_000), ['nested more than 50 levels deep (deep.yml:1:52); flatten it']],
  [
    'nesting that would end the process',
    'deep.json',
    '['.repeat(100_000),
    ['nested more than 50 levels deep (deep.json:1:52); flatten it'],
  ],
  ['no YAML', 'broken.yml', 'hosts: {web1: "x\n', ['not YAML: missing closing "quote (broken.yml:2:1)']],
];

describe('loadInventory() refuses', () => {
  it.each(cases)('%s %s', async (_, name, content, lines) => {
    const file = await folder.write(name, content);
    expect(await folder.linesOf(loadInventory(file, {signal}))).toEqual(lines.map((line) => `error[invalid-file]: ${line}`));
  });

  it('XI1: a file that is not there', async () => {
    expect(await folder.linesOf(loadInventory(folder.at('absent.yml'), {signal}))).toEqual([
      'error[not-found]: inventory absent.yml not found; create it with: drover init',
    ]);
  });

  it('XI2: a folder, a pipe and a device, without waiting for a writer', async () => {
    await mkdir(folder.at('folder.yml'));
    execFileSync('mkfifo', [folder.at('pipe.yml')]);
    const loads = [folder.at('folder.yml'), folder.at('pipe.yml'), '/dev/null'].map((file) =>
      folder.linesOf(loadInventory(file, {signal})),
    );
    expect((await Promise.all(loads)).flat()).toEqual([
      'error[invalid-file]: inventory folder.yml is a directory; name a file',
      'error[invalid-file]: inventory pipe.yml is not a regular file; name a file',
      'error[invalid-file]: inventory /dev/null is not a regular file; name a file',
    ]);
  });

  it('XI3: what cannot be read, with the reason', async () => {
    await symlink('loop.yml', folder.at('loop.yml'));
    expect(await folder.linesOf(loadInventory(folder.at('loop.yml'), {signal}))).toEqual([
      'error[invalid-file]: cannot read loop.yml: too many symbolic links; make it readable',
    ]);
  });

  it('more than 20 problems as 20 and a count', async () => {
    const text = `hosts:\n${Array.from({length: 30}, (_, index) => `  web${index}: {silos: eu}\n`).join('')}`;
    const lines = await folder.linesOf(loadInventory(await folder.write('many.yml', text), {signal}));
    expect(lines).toHaveLength(21);
    expect(lines.at(0)).toBe('error[invalid-file]: unknown key "silos" (many.yml:2:10); did you mean "silo"?');
    expect(lines.at(-1)).toBe('error[invalid-file]: and 10 more (many.yml)');
  });

  it('a file of more than 8 MiB', async () => {
    const file = await folder.write('huge.yml', Buffer.alloc(8 * 1024 * 1024 + 1, '#'));
    expect(await folder.linesOf(loadInventory(file, {signal}))).toEqual([
      'error[invalid-file]: inventory huge.yml has 8388609 bytes, more than 8388608; make it smaller',
    ]);
  });
});
