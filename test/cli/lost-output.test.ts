import {spawnSync} from 'node:child_process';
import {existsSync} from 'node:fs';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {program} from './drover.js';

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
});
