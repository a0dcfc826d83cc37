import {readdir, readFile, writeFile} from 'node:fs/promises';
import {setTimeout as sleep} from 'node:timers/promises';
import {describe, expect, it, onTestFinished} from 'vitest';
import {type Shell, Site, shells} from './verb-site.js';

describe.each(shells)('pausing a worker under $name', (shell: Shell) => {
  it('is noted before it is done, once, by the run that has the host alone, and until that run has resumed it', async () => {
    const site = await Site.make(shell);
    onTestFinished(() => site.remove());
    const a = await site.stage({name: 'a'});
    const fence = await site.lease('run-2', undefined, a);
    await site.app.notePause(fence, 'true', {patienceSeconds: 0});
    await site.app.notePause(fence, 'true', {patienceSeconds: 0});
    expect((await site.app.readState()).pausedBy).toBe('run-2');
    await expect(site.app.notePause({run: 'run-9', epoch: fence.epoch}, 'true', {patienceSeconds: 0})).rejects.toMatchObject({
      failure: 'fenced',
    });
    await expect(site.app.clearPause({run: 'run-2', epoch: 0})).rejects.toMatchObject({failure: 'fenced'});
    expect((await readdir(site.at('.drover', 'pause'))).sort()).toEqual(['by', 'keeper.sh', 'lock', 'resume']);
    await site.app.clearPause(fence);
    await site.app.clearPause(fence);
    expect((await site.app.readState()).pausedBy).toBeUndefined();
    expect((await site.events()).slice(-3)).toEqual(['paused', 'paused', 'resumed']);
  });
});

// It always runs under /bin/sh, whatever runs the verbs.
describe('the keeper of a paused worker', {timeout: 300_000}, () => {
  const use = async () => {
    const site = await Site.make();
    const a = await site.stage({name: 'a'});
    await site.deploy('run-1', undefined, a);
    await site.own('out');
    return {
      ...{site, a, resume: `echo "$DROVER_APP $DROVER_RUN $(umask) $(cat name)" >>${site.root}/out/mark`},
      readMark: (): Promise<string> => readFile(site.at('out', 'mark'), 'utf8').catch(() => ''),
      readPaused: async (): Promise<string | undefined> => (await site.app.readState()).pausedBy,
    };
  };
  const until = async (isSo: () => Promise<boolean>): Promise<void> => {
    while (!(await isSo())) await sleep(50);
  };

  it.concurrent('resumes the worker when the lease has run out or another run has the host, and tries until that is done', async ({
    expect,
  }) => {
    const {site, a, resume, readMark, readPaused} = await use();
    const fence = await site.lease('run-2', a, a, {ttl: 1});
    await site.app.notePause(fence, resume, {patienceSeconds: 0});
    await until(async () => (await readPaused()) === undefined);
    expect(await readMark()).toBe('shop run-2 0022 a\n');
    expect((await site.events()).at(-1)).toBe('resumed by itself');
    const older = await site.lease('run-3', a, a, {ttl: 0});
    const failing = `${resume}; [ -e ${site.root}/out/let ]`;
    await site.app.notePause(older, failing, {patienceSeconds: 0});
    await site.lease('run-4', a, a);
    await until(async () => (await readMark()).includes('run-3'));
    expect(await readPaused()).toBe('run-3');
    await writeFile(site.at('out', 'let'), '');
    await until(async () => (await readPaused()) === undefined);
    await site.remove();
  });

  it.concurrent("lets the dead-man's switch and its restart hook go first", async ({expect}) => {
    const {site, a, resume, readMark, readPaused} = await use();
    const b = await site.stage({name: 'b'});
    const fence = await site.lease('run-2', a, b);
    await site.app.notePause(fence, resume, {patienceSeconds: 600});
    await site.app.switchTo(fence, {from: a, to: b, confirmSeconds: 1, restart: `echo restarted >>${site.root}/out/mark`});
    await site.app.endLease({run: 'run-2', epoch: fence.epoch, owner: 'ben', reason: 'gone', takeover: true});
    await until(async () => (await readPaused()) === undefined);
    expect(await readMark()).toBe('restarted\nshop run-2 0022 a\n');
    await site.remove();
  });

  it.concurrent('leaves the worker to a run that gives its lease back so, and not to one whose lease was ended by hand', async ({
    expect,
  }) => {
    const {site, a, resume, readMark, readPaused} = await use();
    const fence = await site.lease('run-3', a, a);
    await site.app.notePause(fence, resume, {patienceSeconds: 0});
    const [, , token = ''] = (await readFile(site.at('.drover', 'pause', 'by'), 'utf8')).trim().split(' ');
    await site.app.release(fence, undefined);
    await until(async () => !(await listCommands()).some((line) => line.includes(token)));
    expect(await readPaused()).toBe('run-3');
    const again = await site.lease('run-4', a, a);
    await site.app.notePause(again, resume, {patienceSeconds: 0});
    await site.app.endLease({run: 'run-4', epoch: again.epoch, owner: 'bob', reason: 'dead', takeover: true});
    await until(async () => (await readPaused()) === undefined);
    expect(await readMark()).toBe('shop run-4 0022 a\n');
    await site.remove();
  });
});

/** The command lines of all processes. */
async function listCommands(): Promise<readonly string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  return Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
}
