import {execFileSync} from 'node:child_process';
import {appendFile, chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import type {DroverError} from '../../src/lib/errors/drover-error.js';
import type {DroverEvent, Happening} from '../../src/lib/events/event.js';
import {listRuns, openJournal, readRun, resolveRun} from '../../src/lib/events/journal.js';

const run = '20261121-093012-7f3a';
let stateDir: string;

beforeEach(async () => {
  stateDir = await mkdtemp(path.join(os.tmpdir(), 'drover-journal-'));
});
afterEach(() => rm(stateDir, {recursive: true, force: true}));

function makeEvent(seq: number, happening: Happening = {kind: 'warning', message: `n${seq}`}, of = run): DroverEvent {
  return {v: 1, seq, at: '2026-11-21T09:30:12.000Z', run: of, ...happening};
}

async function record(events: readonly DroverEvent[], of = run): Promise<string> {
  const journal = await openJournal({stateDir, run: of});
  await Promise.all(events.map(async (event) => journal.accept(event)));
  await journal.close();
  return journal.file;
}

const started: Happening = {kind: 'run-started', command: 'deploy', app: 'code', operator: 'ana', hosts: 3};
const ended: Happening = {kind: 'run-ended', outcome: 'converged', exit: 0, ms: 5};

describe('the journal', () => {
  it('gives back what was recorded, in order', async () => {
    const events = Array.from({length: 500}, (_, index) =>
      makeEvent(index + 1, index % 3 === 0 ? {kind: 'step-started', host: 'web1', step: 'switch'} : undefined),
    );
    await record(events);
    expect(await readRun(stateDir, run)).toMatchObject({run, events, torn: false});
  });

  it('leaves nothing of a run that recorded nothing', async () => {
    await record([]);
    expect(await listRuns(stateDir)).toEqual([]);
    expect(await readdir(path.join(stateDir, 'runs'))).toEqual([]);
  });

  it('T30: is readable by its owner alone under any umask', async () => {
    for (const umask of [0o000, 0o077, 0o777]) {
      const before = process.umask(umask);
      let file: string;
      try {
        file = await record([makeEvent(1)], `20261121-093012-0${umask.toString(8).padStart(3, '0')}`);
      } finally {
        process.umask(before);
      }
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      expect((await stat(path.dirname(file))).mode & 0o777).toBe(0o700);
      expect((await stat(path.dirname(path.dirname(file)))).mode & 0o777).toBe(0o700);
    }
  });

  it('T9: is one line for each record, whatever a host says', async () => {
    const forged = `x\n${JSON.stringify(makeEvent(9, ended))}\r\u2028\u0000`;
    const events = [makeEvent(1, {kind: 'warning', message: forged}), makeEvent(2, {kind: 'warning', message: forged, host: 'web1'})];
    const file = await record(events);
    expect((await readFile(file, 'utf8')).split('\n')).toHaveLength(3);
    expect(await readRun(stateDir, run)).toMatchObject({events, torn: false});
  });

  it('has a record on disk before accept resolves', async () => {
    const journal = await openJournal({stateDir, run});
    await journal.accept(makeEvent(1, {kind: 'step-started', host: 'web1', step: 'switch'}));
    expect((await readRun(stateDir, run)).events).toHaveLength(1);
    await journal.close();
  });

  it('leaves out a torn last line and says so', async () => {
    const file = await record([makeEvent(1), makeEvent(2)]);
    await appendFile(file, '{"v":1,"seq":3,"at":"2026');
    expect(await readRun(stateDir, run)).toMatchObject({events: [makeEvent(1), makeEvent(2)], torn: true});
  });

  it('cuts a torn last line when the run is continued', async () => {
    const file = await record([makeEvent(1)]);
    await appendFile(file, '{"v":1,"seq":2');
    await record([makeEvent(2)]);
    expect(await readRun(stateDir, run)).toMatchObject({events: [makeEvent(1), makeEvent(2)], torn: false});
  });

  it('names file and line of a damaged record in the middle', async () => {
    const file = await record([makeEvent(1), makeEvent(2), makeEvent(3)]);
    await writeFile(file, (await readFile(file, 'utf8')).replace('"seq":2', '"seq":'));
    await expect(readRun(stateDir, run)).rejects.toMatchObject({problems: [{code: 'invalid-file', file, line: 2}]});
  });

  it('refuses events of a newer drover by name', async () => {
    const file = await record([makeEvent(1)]);
    await appendFile(file, '{"v":2,"seq":2}\n');
    await expect(readRun(stateDir, run)).rejects.toThrow('version 2');
  });

  it('keeps only the last transfer of a host', async () => {
    const transfers = [10, 50, 100].map((sentBytes, index) =>
      makeEvent(index + 1, {kind: 'transfer', host: 'web1', sentBytes, totalBytes: 100}),
    );
    await record(transfers);
    expect((await readRun(stateDir, run)).events).toEqual([transfers[2]]);
  });

  it('makes the folders above it that are missing, and names one in which nothing can be made', async () => {
    const deep = path.join(stateDir, 'a', 'b');
    await (await openJournal({stateDir: deep, run})).close();
    expect((await stat(path.join(stateDir, 'a'))).mode & 0o777).toBe(0o700);
    await expect(openJournal({stateDir: '/proc/1/a/b', run})).rejects.toMatchObject({message: expect.stringContaining('/proc/1/a/b')});
  });

  it('refuses to follow a symbolic link', async () => {
    const dir = path.join(stateDir, 'runs', run);
    await mkdir(dir, {recursive: true});
    await symlink('/dev/null', path.join(dir, 'events.ndjson'));
    await expect(openJournal({stateDir, run})).rejects.toThrow(path.join(dir, 'events.ndjson'));
  });

  it('T3: refuses run ids that lead elsewhere', async () => {
    await expect(openJournal({stateDir, run: '../../x'})).rejects.toThrow('run id "../../x"');
    await expect(readRun(stateDir, '../../x')).rejects.toThrow('run id "../../x"');
  });
});

describe('a journal on a full disk', () => {
  const small = path.join(os.tmpdir(), `drover-full-${process.pid}`);
  let mounted = false;

  beforeEach(async () => {
    await mkdir(small, {recursive: true});
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', small], {stdio: 'ignore'});
      mounted = true;
    } catch {
      mounted = false; // needs root
    }
  });
  afterEach(async () => {
    if (mounted) execFileSync('umount', [small]);
    await rm(small, {recursive: true, force: true});
  });

  it('A10: rejects with the path, and records again without a torn line once there is room', async (context) => {
    if (!mounted) return context.skip();
    const journal = await openJournal({stateDir: small, run});
    await journal.accept(makeEvent(1));
    await writeFile(path.join(small, 'filler'), 'x'.repeat(65_536)).catch(() => undefined);
    const failure = await Promise.resolve(journal.accept(makeEvent(2, {kind: 'warning', message: 'y'.repeat(70_000)}))).catch(
      (reason: unknown) => reason as DroverError,
    );
    expect(failure).toMatchObject({
      problems: [{code: 'refused', message: `the disk of the journal ${journal.file} is full (ENOSPC)`, file: journal.file}],
    });
    await rm(path.join(small, 'filler'));
    await journal.accept(makeEvent(3));
    await journal.close();
    expect(await readRun(small, run)).toMatchObject({events: [makeEvent(1), makeEvent(3)], torn: false});
  });
});

describe('listRuns and resolveRun', () => {
  it('list the runs of this machine, newest first, with both ends', async () => {
    await record([makeEvent(1, started, '20261121-080000-aaaa'), makeEvent(2, ended, '20261121-080000-aaaa')], '20261121-080000-aaaa');
    await record([makeEvent(1, started, '20261121-090000-bbbb')], '20261121-090000-bbbb');
    await mkdir(path.join(stateDir, 'runs', 'lost+found'));
    const runs = await listRuns(stateDir);
    expect(runs.map((entry) => [entry.run, entry.started?.app, entry.ended?.outcome])).toEqual([
      ['20261121-090000-bbbb', 'code', undefined],
      ['20261121-080000-aaaa', 'code', 'converged'],
    ]);
    expect(await resolveRun(stateDir, 'latest')).toBe('20261121-090000-bbbb');
    expect(await resolveRun(stateDir, 'aaaa')).toBe('20261121-080000-aaaa');
    await expect(resolveRun(stateDir, 'cccc')).rejects.toThrow('no run "cccc"');
  });

  it('finds no runs where nothing was ever recorded', async () => {
    expect(await listRuns(path.join(stateDir, 'nowhere'))).toEqual([]);
    await expect(readRun(stateDir, run)).rejects.toMatchObject({problems: [{code: 'not-found'}]});
  });

  it('still lists a run whose journal is damaged', async () => {
    const file = await record([makeEvent(1, started)]);
    await chmod(file, 0o600);
    await writeFile(file, 'rubbish\n');
    expect(await listRuns(stateDir)).toEqual([{run, file}]);
  });
});
