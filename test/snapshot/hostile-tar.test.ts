import fs from 'node:fs';
import {gzipSync} from 'node:zlib';
import {describe, expect, it} from 'vitest';
import {catchProblems, snap, withFolder} from './fixture.js';
import {forgeEntry, forgePax, forgeTar, paxRecord} from './forge-tar.js';

import {chunked, file, limits, long, octal, unpack} from './tar-fixture.js';

const hostile: [what: string, archive: Buffer, message: string | RegExp][] = [
  ['a path that climbs', forgeTar({name: '../evil', text: 'x'}), 'x.tar holds "../evil", which has a ".." component'],
  ['a path that climbs from inside', forgeTar({name: 'a/../../evil', text: 'x'}), 'x.tar holds "a/../../evil", which has a ".." component'],
  ['a path that climbs after ./', forgeTar({name: './../evil', text: 'x'}), 'x.tar holds "./../evil", which has a ".." component'],
  ['an absolute path', forgeTar({name: '/etc/cron.d/evil', text: 'x'}), 'x.tar holds "/etc/cron.d/evil", which is absolute'],
  ['an absolute path after ./', forgeTar({name: './/etc/evil', text: 'x'}), 'x.tar holds ".//etc/evil", which is absolute'],
  ['an absolute path in the prefix', forgeTar({name: 'evil', prefix: '/etc', text: 'x'}), 'x.tar holds "/etc/evil", which is absolute'],
  ['a climbing prefix', forgeTar({name: 'evil', prefix: '..', text: 'x'}), 'x.tar holds "../evil", which has a ".." component'],
  ['a climbing folder', forgeTar({name: '../d/', type: '5'}), 'x.tar holds "../d/", which has a ".." component'],
  ['an empty component', forgeTar({name: 'a//b', text: 'x'}), 'x.tar holds "a//b", which has an empty component'],
  ['a dot component', forgeTar({name: 'a/./b', text: 'x'}), 'x.tar holds "a/./b", which has a "." component'],
  ['a file without a name', forgeTar({name: '', text: 'x'}), 'x.tar holds "", which has no name'],
  ['a newline in a name', forgeTar({name: 'a\nb', text: 'x'}), 'x.tar holds "a\nb", which contains a control character'],
  ['latin-1 bytes in a name', forgeTar({name: 'caf\xe9'}), 'x.tar holds a name that is not valid UTF-8 (hex 636166e9)'],
  ['latin-1 bytes in a long name', forgeTar({name: 'n', type: 'L', text: Buffer.from([0x61, 0xff])}, file), /not valid UTF-8 \(hex 61ff\)/],
  ['latin-1 bytes in a pax path', forgeTar(forgePax(Buffer.from('11 path=\xe9\xe9\n', 'latin1')), file), /not valid UTF-8 \(hex e9e9\)/],
  ['a hard link to the outside', forgeTar({name: 'l', type: '1', target: '/etc/shadow'}), 'x.tar holds "l", which is a hard link'],
  ['a hard link inside', forgeTar(file, {name: 'l', type: '1', target: 'f'}), 'x.tar holds "l", which is a hard link'],
  ['a character device', forgeTar({name: 'null', type: '3'}), 'x.tar holds "null", which is a character device'],
  ['a block device', forgeTar({name: 'sda', type: '4'}), 'x.tar holds "sda", which is a block device'],
  ['a named pipe', forgeTar({name: 'p', type: '6'}), 'x.tar holds "p", which is a named pipe'],
  ['a contiguous file', forgeTar({name: 'c', type: '7', text: 'x'}), 'x.tar holds "c", which is a contiguous file'],
  ['an old sparse file', forgeTar({name: 's', type: 'S', text: 'x'}), 'x.tar holds "s", which is a sparse file'],
  ['a sparse file of pax', forgeTar(forgePax(paxRecord('GNU.sparse.realsize', '5368709120')), file), /pax header "GNU.sparse.realsize"/],
  ['another volume', forgeTar({name: 'm', type: 'M', text: 'x'}), /which is the rest of a file/],
  ['an unknown type', forgeTar({name: 'z', type: 'Z'}), 'x.tar holds "z", which is an entry of unknown type "Z"'],
  [
    'a link to an absolute path',
    forgeTar({name: 'l', type: '2', target: '/etc/passwd'}),
    /"l", which is a link whose target .* is absolute/,
  ],
  [
    'a file below a link',
    forgeTar({name: 'l', type: '2', target: '/tmp'.slice(1)}, {name: 'l/f', text: 'x'}),
    /"l\/f", which lies below "l", which is a link/,
  ],
  ['a file below a file', forgeTar(file, {name: 'f/g', text: 'x'}), 'x.tar holds "f/g", which lies below "f", which is a file'],
  ['a link in place of a file', forgeTar(file, {name: 'f', type: '2', target: 'g'}), 'x.tar holds "f", which is in it twice'],
  ['a file in place of a link', forgeTar({name: 'f', type: '2', target: 'g'}, file), 'x.tar holds "f", which is in it twice'],
  ['a file twice', forgeTar(file, {...file, text: 'other'}), 'x.tar holds "f", which is in it twice'],
  ['a file twice, spelt differently', forgeTar(file, {...file, name: './f'}), 'x.tar holds "f", which is in it twice'],
  ['a folder in place of a file', forgeTar(file, {name: 'f/', type: '5', mode: 0o755}), 'x.tar holds "f", which is in it twice'],
  [
    'a link in place of a folder',
    forgeTar({name: 'd/f', text: 'x'}, {name: 'd', type: '2', target: '..'}),
    'x.tar holds "d", which is in it twice',
  ],
  [
    'a climbing pax path',
    forgeTar(forgePax(paxRecord('path', '../../evil')), file),
    'x.tar holds "../../evil", which has a ".." component',
  ],
  [
    'an absolute pax linkpath',
    forgeTar(forgePax(paxRecord('linkpath', '/etc/passwd')), {name: 'l', type: '2', target: 'f'}),
    /target "\/etc\/passwd" is absolute/,
  ],
  [
    'a pax path with NUL',
    forgeTar(forgePax(paxRecord('path', 'f\0.txt')), file),
    'x.tar holds "f\0.txt", which contains a control character',
  ],
  [
    'a global pax path',
    forgeTar(forgePax(paxRecord('path', 'evil'), 'g'), file),
    'x.tar has a global pax header that says "path" of every entry',
  ],
  [
    'a pax size that hides an entry',
    forgeTar(forgePax(paxRecord('size', '0')), {name: 'f', text: forgeEntry({name: '../evil'})}),
    'x.tar holds "../evil", which has a ".." component',
  ],
  ['a negative pax size', forgeTar(forgePax(paxRecord('size', '-512')), file), 'x.tar has a pax header with the size "-512"'],
  ['a pax size that is no number', forgeTar(forgePax(paxRecord('size', '1e9')), file), 'x.tar has a pax header with the size "1e9"'],
  ['a pax record that is too long', forgeTar(forgePax('99 path=f\n'), file), 'x.tar has a malformed pax header'],
  ['a pax record without a number', forgeTar(forgePax('path=f\n'), file), 'x.tar has a malformed pax header'],
  [
    'a pax record twice',
    forgeTar(forgePax(paxRecord('path', 'a') + paxRecord('path', 'b')), file),
    'x.tar has a pax header that says "path" twice',
  ],
  [
    'two pax headers for one entry',
    forgeTar(forgePax(paxRecord('path', 'a')), forgePax(paxRecord('path', 'b')), file),
    'x.tar has two headers of a kind for one entry',
  ],
  [
    'a pax path and a long name',
    forgeTar(forgePax(paxRecord('path', 'a')), {name: 'n', type: 'L', text: 'b\0'}, file),
    'x.tar has two headers that say the path of one entry',
  ],
  ['a long name with a NUL in it', forgeTar({name: 'n', type: 'L', text: 'a\0../b\0'}, file), 'x.tar has a long name with a NUL in it'],
  ['a long name for nothing', forgeTar({name: 'n', type: 'L', text: 'a\0'}), 'x.tar ends after a header that belongs to an entry'],
  ['a huge header', forgeTar({name: 'n', type: 'L', size: '00020000000\0'}), 'x.tar has a header of 4194304 bytes'],
  ['a path of more than 4096 bytes', forgeTar(forgePax(paxRecord('path', `${long.repeat(30)}f`)), file), /is longer than 4096 bytes/],
  [
    'a component of more than 255 bytes',
    forgeTar(forgePax(paxRecord('path', 'n'.repeat(256))), file),
    /has a component of more than 255 bytes/,
  ],
  ['a negative size', forgeTar({...file, size: Buffer.alloc(12, 0xff)}), /^x\.tar has a bad number in a header/],
  [
    'a size beyond all numbers',
    forgeTar({...file, size: Buffer.from([0x80, ...new Array<number>(11).fill(0xff)])}),
    /^x\.tar has a bad number in a header/,
  ],
  ['a size that is no number', forgeTar({...file, size: '0000000zz05\0'}), /^x\.tar has a bad number in a header/],
  [
    'a folder with content',
    forgeTar({name: 'd/', type: '5', text: forgeEntry({name: '../evil', text: 'x'})}),
    'x.tar holds "d/", which is no file but has a size',
  ],
  ['a link with content', forgeTar({name: 'l', type: '2', target: 'f', text: 'x'}), 'x.tar holds "l", which is no file but has a size'],
  ['a wrong checksum', forgeTar({...file, offBy: 1}), 'x.tar is damaged: the checksum of a header does not match'],
  ['an archive of before POSIX', forgeTar({...file, magic: '\0\0\0\0\0\0\0\0'}), 'x.tar is in a format from before POSIX'],
  [
    'a folder that nobody can list',
    forgeTar({name: 'd/', type: '5', mode: 0o600}),
    'x.tar holds "d", which has mode 0600: its owner cannot list it',
  ],
  ['more bytes than the limit', forgeTar({...file, size: octal(limits.maxBytes + 1)}), 'x.tar unpacks to more than 1,048,576 bytes'],
  [
    'more entries than the limit',
    forgeTar(...Array.from({length: 1001}, (_, index) => ({name: `${index}`}))),
    'x.tar holds more than 1,000 entries',
  ],
  ['a gzip bomb', gzipSync(forgeTar({name: 'z', text: Buffer.alloc(20 * 1024 * 1024)})), 'x.tar unpacks to more than 1,048,576 bytes'],
  ['an entry after the end', Buffer.concat([forgeTar(file), forgeTar({name: 'more', text: 'x'})]), 'x.tar goes on after its end'],
  ['an end that is missing', forgeEntry(file), 'x.tar was cut: its end is missing'],
  ['half an end', Buffer.concat([forgeEntry(file), Buffer.alloc(512)]), 'x.tar was cut: its end is missing'],
  ['a cut in a file', forgeTar(file).subarray(0, 600), 'x.tar was cut: its end is missing'],
  ['a cut in a header', forgeTar(file, file).subarray(0, 1100), 'x.tar was cut: its end is missing'],
  ['a cut gzip', gzipSync(forgeTar(file)).subarray(0, 60), /^x\.tar is damaged: unexpected end of file/],
  ['a flipped bit in a gzip', flipped(gzipSync(forgeTar({name: 'f', text: 'hello '.repeat(500)}))), /^x\.tar /],
  ['nothing', Buffer.alloc(0), 'x.tar is empty'],
  ['text', Buffer.from('<html>not found</html>'.repeat(100)), /^x\.tar has a bad number in a header/],
  ['zstd', Buffer.from('28b52ffd0000000000000000', 'hex'), 'x.tar is packed with zstd'],
  ['xz', Buffer.from('fd377a585a0000', 'hex'), 'x.tar is packed with xz'],
  ['a zip', Buffer.from('504b0304140000', 'hex'), 'x.tar is packed with zip'],
];

function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy[copy.length - 6] = (copy[copy.length - 6] ?? 0) ^ 1;
  return copy;
}

describe('unpackTar() refuses (T10 D10)', () => {
  it.each(hostile)('%s', async (_, archive, message) => {
    await withFolder(async (folder) => {
      fs.mkdirSync(`${folder}/outside`);
      const error = await catchProblems(() => unpack(folder, archive));
      expect(error).toMatchObject({code: 'invalid-source', exit: 3});
      expect(error.message).toEqual(typeof message === 'string' ? message : expect.stringMatching(message));
      expect(error.problems[0].fix).toBeTruthy();
      // Nothing outside the folder it was given.
      expect(fs.readdirSync(folder).sort()).toEqual(['outside', 'work']);
      expect(fs.readdirSync(`${folder}/work`)).toEqual(['tree']);
      expect(fs.readdirSync(`${folder}/outside`)).toEqual([]);
    });
  });

  it('the same, whatever the sizes of the pieces it comes in', async () => {
    for (const chunk of [1, 511, 513]) {
      for (const [what, archive, message] of hostile.filter(([, bytes]) => bytes.length < 20_000)) {
        await withFolder(async (folder) => {
          const error = await catchProblems(() => unpack(folder, archive, {chunk}));
          expect(error.message, `${what} in pieces of ${chunk}`).toEqual(
            typeof message === 'string' ? message : expect.stringMatching(message),
          );
        });
      }
    }
  });

  it('a link out of the tree, when the snapshot is taken, and keeps nothing of it', async () => {
    await withFolder(async (folder) => {
      const stream = chunked(forgeTar({name: 'd/', type: '5', mode: 0o755}, {name: 'd/l', type: '2', target: '../../etc'}), 512);
      const source = {parts: [{kind: 'stream', name: 'x.tar', stream} as const], onConflict: 'error'} as const;
      const error = await catchProblems(() => snap(folder, '', {source}));
      expect(error.message).toBe('"d/l" in x.tar is a link to "../../etc", outside the tree');
      expect(fs.readdirSync(`${folder}/store/sources`)).toEqual([]);
      expect(fs.readdirSync(`${folder}/store/snapshots`)).toEqual([]);
    });
  });
});
