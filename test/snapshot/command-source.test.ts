import fs from 'node:fs';
import {describe, expect, it} from 'vitest';
import type {SourceSet} from '../../src/lib/snapshot/create-snapshot.js';
import type {CommandOutput} from '../../src/lib/snapshot/tree-source.js';
import {catchProblems, openStore, snap, withFolder} from './fixture.js';
import {merged, readFile} from './source-fixture.js';

/** Also when nobody has asked how it ended. */
function isGone(pid: number): boolean {
  try {
    return / Z /.test(fs.readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
}

describe('a command', () => {
  const env = {PATH: process.env.PATH ?? ''};
  const command = (folder: string, text: string, out: CommandOutput = {kind: 'given'}, deadlineMs = 60_000): SourceSet =>
    merged([{kind: 'run', name: 'command', command: text, folder, out, deadlineMs}]);

  it.each<[string, string, CommandOutput['kind']]>([
    ['fills the folder it is given', 'echo hello >"$DROVER_OUT/f"', 'given'],
    ['makes a folder of its own', 'mkdir out && echo hello >out/f', 'folder'],
    ['writes a tar', 'mkdir t && echo hello >t/f && tar -C t -c f', 'tar'],
  ])('%s', async (_, text, kind) => {
    await withFolder(async (folder) => {
      const out = kind === 'folder' ? {kind, path: `${folder}/out`} : {kind};
      const taken = await snap(folder, '', {source: command(folder, text, out), env});
      expect(await readFile(folder, taken, 'f')).toBe('hello\n');
      expect(fs.readdirSync(`${folder}/store/sources`)).toEqual([]);
    });
  });

  it('is heard line by line, both of its outputs', async () => {
    await withFolder(async (folder) => {
      const heard: string[] = [];
      const text = 'echo one; echo two >&2; printf three; echo x >"$DROVER_OUT/f"';
      await snap(folder, '', {source: command(folder, text), env, say: (line) => heard.push(line)});
      expect(heard.sort()).toEqual(['one', 'three', 'two']);
    });
  });

  it.each([
    ['fails', 'echo x >"$DROVER_OUT/f"; echo broken >&2; exit 3', 'given', 'command exited 3; nothing was stored'],
    ['is killed', 'kill -9 $$', 'given', 'command was ended by SIGKILL; nothing was stored'],
    ['fails after a whole tar', 'mkdir t && tar -c t; exit 4', 'tar', 'command exited 4; nothing was stored'],
    [
      'fails in the middle of a tar',
      'mkdir t && echo x >t/f && tar -c t | head -c 700; exit 5',
      'tar',
      'command exited 5; nothing was stored',
    ],
    [
      'writes half a tar and calls it done',
      'mkdir t && echo x >t/f && tar -c t | head -c 700',
      'tar',
      'the output of command was cut: its end is missing',
    ],
    ['writes no tar', 'echo hello', 'tar', 'the output of command was cut: its end is missing'],
    ['writes no end of it', 'yes', 'tar', /^the output of command has a bad number in a header/],
  ] as const)('that %s leaves nothing', async (_, text, kind, message) => {
    await withFolder(async (folder) => {
      const heard: string[] = [];
      const error = await catchProblems(() =>
        snap(folder, '', {source: command(folder, text, {kind}), env, say: (line) => heard.push(line)}),
      );
      expect(error).toMatchObject({code: 'invalid-source', exit: 3});
      expect(error.message).toEqual(typeof message === 'string' ? message : expect.stringMatching(message));
      expect(await openStore(folder).list()).toEqual([]);
      expect(fs.readdirSync(`${folder}/store/sources`)).toEqual([]);
      if (text.includes('broken')) expect(heard).toEqual(['broken']);
    });
  });

  it('that is late is ended, with all it started', async () => {
    await withFolder(async (folder) => {
      const text = 'sleep 300 & echo $! >pid; wait';
      const error = await catchProblems(() => snap(folder, '', {source: command(folder, text, {kind: 'given'}, 500), env}));
      expect(error.message).toBe('command was not done after 0.5 s; nothing was stored');
      await expect.poll(() => isGone(Number(fs.readFileSync(`${folder}/pid`, 'utf8')))).toBe(true);
    });
  });

  it('ends with the one who waits for it', async () => {
    await withFolder(async (folder) => {
      const controller = new AbortController();
      const stop = (line: string): void => {
        if (line === 'ready') controller.abort(new Error('enough'));
      };
      const taking = snap(folder, '', {
        source: command(folder, 'echo $$ >pid; echo ready; exec sleep 300'),
        env,
        say: stop,
        signal: controller.signal,
      });
      await expect(taking).rejects.toThrow('enough');
      await expect.poll(() => isGone(Number(fs.readFileSync(`${folder}/pid`, 'utf8')))).toBe(true);
      expect(fs.readdirSync(`${folder}/store/sources`)).toEqual([]);
    });
  });
});
