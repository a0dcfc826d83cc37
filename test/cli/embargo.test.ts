import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {type Lab, startLab} from '../../src/lib/lab/lab.js';
import {writeContent} from '../../src/lib/lab/lab-content.js';
import {type Ended, runDrover} from './drover.js';

describe('an embargo', {timeout: 300_000}, () => {
  let dir: string;
  let lab: Lab;
  let id: string;
  const drover = (...words: string[]): Promise<Ended> => runDrover(words, {cwd: dir});

  beforeAll(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'de-'));
    lab = await startLab({dir, hosts: 2, missCostMs: 1, signal: AbortSignal.timeout(60_000)});
    await writeContent(path.join(dir, 'content'), {version: 1, pages: 5});
    id = (await drover('snapshot', '--embargo-until', '+3h', '--note', 'the sale')).stdout.trim();
  });

  afterAll(async () => {
    await lab?.stop();
    await rm(dir, {recursive: true, force: true});
  });

  it('lets a push stage the snapshot', async () => {
    const ended = await drover('push', '--all');
    expect(ended.status, ended.stderr).toBe(0);
  });

  it('refuses a deploy before its time, says how long, and changes nothing', async () => {
    const ended = await drover('deploy', '--all', '--yes');
    expect(ended.status).toBe(4);
    expect(ended.stderr).toMatch(
      new RegExp(
        `error\\[refused\\]: snapshot ${id.slice(0, 12)} of app "site" is under embargo until \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d UTC, (?:3 h|2 h 59 min) too early; wait, or pass --ignore-embargo with --reason`,
      ),
    );
    expect((await drover('status', '--json')).stdout).not.toContain('"live"');
  });

  it('stays when the same tree is taken again', async () => {
    await drover('snapshot');
    expect((await drover('snapshot', 'show')).stdout).toMatch(/^embargo {2}not before .* UTC$/m);
    expect((await drover('deploy', '--all', '--yes')).status).toBe(4);
  });

  it('is ignored for a reason only, and the run says so', async () => {
    const without = await drover('deploy', '--all', '--yes', '--ignore-embargo');
    expect([without.status, without.stderr]).toEqual([4, expect.stringContaining('--ignore-embargo wants a reason for the record')]);
    const ended = await drover('deploy', '--all', '--yes', '--ignore-embargo', '--reason', 'the press has it');
    expect(ended.status, ended.stderr).toBe(0);
    expect(ended.stderr).toContain('ignored: the press has it');
  });

  it('holds for a rollback to the release too', async () => {
    await writeContent(path.join(dir, 'content'), {version: 2, pages: 5});
    await drover('snapshot');
    const next = await drover('deploy', '--all', '--yes');
    expect(next.status, next.stderr).toBe(0);
    const ended = await drover('rollback', '--all', '--yes', '--to', id.slice(0, 12));
    expect([ended.status, ended.stderr]).toEqual([4, expect.stringContaining('is under embargo until')]);
  });

  it('is no matter for a rollback to what was good before', async () => {
    // What is no store refuses who opens it.
    await writeFile(path.join(dir, '.drover', 'store', 'format'), 'drover-store 999\n');
    const ended = await drover('rollback', '--all', '--yes');
    await writeFile(path.join(dir, '.drover', 'store', 'format'), 'drover-store 1\n');
    expect(ended.status, ended.stderr).toBe(0);
  });

  it('is lifted by name', async () => {
    await writeContent(path.join(dir, 'content'), {version: 1, pages: 5});
    expect((await drover('snapshot', '--embargo-until', 'none')).stdout.trim()).toBe(id);
    expect((await drover('snapshot', 'show', '--json')).stdout).not.toContain('embargoUntil');
    const ended = await drover('deploy', '--all', '--yes');
    expect(ended.status, ended.stderr).toBe(0);
  });
});
