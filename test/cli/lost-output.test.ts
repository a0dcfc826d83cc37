import {spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {existsSync} from 'node:fs';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {startLab} from '../../src/lib/lab/lab.js';
import {writeContent} from '../../src/lib/lab/lab-content.js';
import {program, runDrover} from './drover.js';

describe.skipIf(!existsSync('/dev/full'))('an answer that cannot be written', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'drover-lost-'));
    await writeFile(path.join(dir, 'drover.yml'), 'apps: {site: {source: ., root: /srv/site, hosts: all}}\n');
  });
  afterEach(() => rm(dir, {recursive: true, force: true}));

  const run = (redirection: string): {status: number | null; stderr: string} => {
    const script = `"$0" "$1" snapshot list ${redirection}`;
    return spawnSync('sh', ['-c', script, process.execPath, program], {cwd: dir, encoding: 'utf8', env: {...process.env, HOME: dir}});
  };

  it('is one line and a status when the disk is full', () => {
    const {status, stderr} = run('>/dev/full');
    expect(stderr).toBe(
      'error[invalid-file]: standard output cannot be written (ENOSPC); free space there, then ask again: drover history\n',
    );
    expect(status).toBe(3);
  });

  it('is nothing to speak of when its reader has left, or when there is no standard output', () => {
    expect(run('| true')).toMatchObject({status: 0, stderr: ''});
    expect(run('>&-')).toMatchObject({status: 0, stderr: ''});
  });

  it('ends nothing when it is the conversation', () => {
    const script = '"$0" "$1" snapshot 2>/dev/full';
    expect(spawnSync('sh', ['-c', script, process.execPath, program], {cwd: dir, env: {...process.env, HOME: dir}}).status).toBe(0);
  });

  it('ends no run: with --events - every host is moved, admitted and free, and the status is 3 where it was 0', {
    timeout: 300_000,
  }, async () => {
    const fleet = path.join(dir, 'lab');
    const lab = await startLab({dir: fleet, hosts: 2, missCostMs: 1, signal: AbortSignal.timeout(60_000)});
    try {
      await writeContent(path.join(fleet, 'content'), {version: 1, pages: 2});
      const ask = async (...words: string[]): Promise<string> => (await runDrover(words, {cwd: fleet})).stdout;
      const release = (await ask('snapshot')).trim();

      const script = '"$0" "$1" deploy --all --yes --events - >/dev/full';
      const env = {PATH: process.env.PATH ?? '', HOME: fleet};
      const child = spawn('sh', ['-c', script, process.execPath, program], {cwd: fleet, env});
      let stderr = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        stderr += text;
      });
      const [status] = (await once(child, 'close')) as [number | null];

      expect(stderr.match(/standard output cannot be written \(ENOSPC\)/g), stderr).toHaveLength(1);
      expect(status).toBe(3);
      expect((await ask('status', '--json')).match(new RegExp(`"live": "${release}"`, 'g'))).toHaveLength(2);
      expect(await ask('lease')).toBe('no host is leased\n');
      expect(await ask('health', '--all')).toContain('2 of 2 hosts healthy');
    } finally {
      await lab.stop();
    }
  });
});
