import fs from 'node:fs';
import {describe, expect, it} from 'vitest';
import {catchProblems, snap, withFolder} from './fixture.js';
import {fill} from './odd-fixture.js';

describe('what is left out of a snapshot, and what is named', () => {
  it('E15: what belongs to version control is left out; secrets and links out of a workspace are named', async () => {
    await withFolder(async (folder) => {
      const source = await fill(folder, (at) => {
        for (const name of [
          '.git/config',
          '.svn/entries',
          '.env',
          '.env.example',
          '.npmrc',
          '.netrc',
          'id_rsa',
          'id_rsa.pub',
          'deploy.sh',
          'big.txt',
          'node_modules/x/y.js',
        ]) {
          fs.mkdirSync(`${at}/${name}`.replace(/\/[^/]*$/, ''), {recursive: true});
          fs.writeFileSync(`${at}/${name}`, 'x');
        }
        fs.writeFileSync(`${at}/.npmrc`, '//registry.example.com/:_authToken=0123456789abcdef\n');
        fs.writeFileSync(`${at}/deploy.sh`, `export TOKEN=ghp_${'a1B2'.repeat(9)}\n`);
        // Further in than is looked at.
        fs.writeFileSync(`${at}/big.txt`, `${' '.repeat(70_000)}AKIA${'IOSFODNN7EXAMPLE'}`);
        fs.writeFileSync(`${at}/node_modules/x/y.js`, `AKIA${'IOSFODNN7EXAMPLE'}`);
      });
      const {manifest, record, ignored} = await snap(folder, source);
      expect(record.secrets).toEqual([
        {path: '.env', what: 'looks like a file of secrets'},
        {path: '.netrc', what: 'is a file of passwords'},
        {path: '.npmrc', what: 'holds an npm token'},
        {path: 'deploy.sh', what: 'holds a GitHub or GitLab token'},
        {path: 'id_rsa', what: 'is named like a private key'},
      ]);
      expect(manifest.entries.some(({path}) => path.startsWith('.git/') || path.startsWith('.svn'))).toBe(false);
      expect(ignored).toBe(2);
      fs.symlinkSync('../../shared', `${source}/node_modules/shared`);
      const error = await catchProblems(() => snap(folder, source));
      expect(error.message).toMatch(/^"node_modules\/shared" in .* is a link to "\.\.\/\.\.\/shared", outside the tree$/);
    });
  });

  it('E15: a token that takes its value from the environment is none', async () => {
    await withFolder(async (folder) => {
      const source = await fill(folder, (at) => fs.writeFileSync(`${at}/.npmrc`, '//registry.example.com/:_authToken=$' + '{NPM_TOKEN}\n'));
      expect((await snap(folder, source)).warnings).toEqual([]);
    });
  });

  it('E15: a file that is not read again is still named, one that lost its secret is not', async () => {
    await withFolder(async (folder) => {
      const source = await fill(folder, (at) => {
        for (const name of ['a.py', 'b.py']) {
          fs.writeFileSync(`${at}/${name}`, `KEY = "AKIA${'IOSFODNN7EXAMPLE'}"`);
          fs.utimesSync(`${at}/${name}`, new Date(0), new Date(0));
        }
      });
      // Later, so that the files do not count as just written.
      const now = (): number => Date.now() + 5000;
      await snap(folder, source, {now});
      fs.writeFileSync(`${source}/b.py`, 'KEY = "from the environment"');
      expect((await snap(folder, source, {now})).record.secrets).toEqual([{path: 'a.py', what: 'holds an AWS key'}]);
    });
  });

  it('E16: an ignore file with negation, trailing spaces, CRLF and a byte order mark, in each source its own', async () => {
    await withFolder(async (folder) => {
      const make = (name: string, ignore: string): string => {
        fs.mkdirSync(`${folder}/${name}`);
        for (const file of ['x.log', 'keep.log', 'y.txt']) fs.writeFileSync(`${folder}/${name}/${file}`, name);
        fs.writeFileSync(`${folder}/${name}/.droverignore`, ignore);
        return `${folder}/${name}`;
      };
      const parts = [
        {kind: 'directory', name: 'a', path: make('a', '\ufeff*.log   \r\n!keep.log\r\n')} as const,
        {kind: 'directory', name: 'b', path: make('b', '# all of it\n*.txt\n'), at: 'b'} as const,
      ];
      const {manifest, ignored} = await snap(folder, '', {source: {parts, onConflict: 'error'}});
      expect(manifest.entries.map(({path}) => path)).toEqual(['b', 'b/keep.log', 'b/x.log', 'keep.log', 'y.txt']);
      // x.log of one, y.txt of the other, and both ignore files.
      expect(ignored).toBe(4);
    });
  });
});
