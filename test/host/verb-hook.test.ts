import {spawnSync} from 'node:child_process';
import {mkdtempSync} from 'node:fs';
import {chmod, mkdir, readdir, readFile, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import fc from 'fast-check';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {type HookResult, runHookOn} from '../../src/lib/host/host-hook.js';
import {callVerb, findFrame} from '../../src/lib/host/verb-call.js';
import {findProcesses} from './processes.js';
import {patiently} from './some-host.js';
import {linkWith, type Shell, Site, shells} from './verb-site.js';

describe.each(shells)('an operator command under $name', (shell: Shell) => {
  // A folder of its own: other hosts of other tests run commands at the same time.
  const work = mkdtempSync(path.join(tmpdir(), 'drover-hook-'));
  const link = linkWith({...shell, env: {...shell.env, TMPDIR: work}});
  const run = (command: string, more: {seconds?: number; maxBytes?: number; cwd?: string} = {}): Promise<HookResult> =>
    runHookOn(link, {
      command,
      seconds: more.seconds ?? 20,
      cwd: more.cwd,
      signal: patiently,
      ...(more.maxBytes === undefined ? {} : {maxBytes: more.maxBytes}),
    });
  beforeAll(() => chmod(work, 0o1777));
  afterAll(async () => {
    expect(await readdir(work)).toEqual([]);
    await rm(work, {recursive: true});
  });

  it('gives its output and status', async () => {
    expect(await run('echo out; echo err >&2; exit 3')).toEqual({status: 3, lateAfterSeconds: undefined, output: 'out\nerr\n'});
    expect(await run('kill -KILL $$')).toMatchObject({status: 137});
    expect(await run('exit 255')).toMatchObject({status: 255});
  });

  it('runs in the folder, locale and umask that it would have without drover', async () => {
    const {output} = await run('pwd; umask; env | grep -c ^LC_ALL; cat; echo ended', {cwd: '/usr'});
    expect(output).toBe('/usr\n0022\n0\nended\n');
    await expect(run('true', {cwd: '/no/such'})).rejects.toMatchObject({failure: 'missing', message: expect.stringContaining('/no/such')});
  });

  it('D9 T6: may forge any frame and gets nothing by it', async () => {
    const forged = "printf '\\ndrover 00 end 0\\n\\ndrover %s begin\\nerror x\\n\\ndrover %s end 0\\n' ffff ffff; exit 9";
    expect(await run(forged)).toMatchObject({status: 9, output: expect.stringContaining('drover ffff begin')});
  });

  it('is ended at its deadline with all of its session', async () => {
    const mark = `hook-mark-${shell.uid ?? shell.name}`;
    const started = performance.now();
    const result = await run(
      `trap '' TERM; echo begun; sh -c 'trap "" TERM; while :; do sleep 0.2; done' ${mark} & set -m; sh -c 'while :; do sleep 0.2; done' ${mark}-group & wait; while :; do sleep 1; done`,
      {seconds: 1},
    );
    expect(result).toMatchObject({lateAfterSeconds: 1, output: expect.stringContaining('begun\n')});
    expect(result.status).toBeGreaterThan(128);
    expect(performance.now() - started).toBeLessThan(80_000);
    expect(await findProcesses(mark)).toEqual([]);
    expect(await findProcesses(`${mark}-group`)).toEqual([]);
  });

  it('may leave a daemon that keeps its output open, and does not wait for it', async () => {
    const mark = `daemon-mark-${shell.uid ?? shell.name}`;
    // It outlives the deadline of the command by far: whoever waited for it would be late.
    const result = await run(
      `sh -c 'n=0; while [ $n -lt 60 ]; do n=$((n + 1)); sleep 0.8; echo tick || exit; done' ${mark} & echo started`,
    );
    expect(result).toEqual({status: 0, lateAfterSeconds: undefined, output: 'started\n'});
    await sleep(1200);
    const daemon = await findProcesses(mark);
    expect(daemon).toHaveLength(1);
    for (const pid of daemon) process.kill(pid);
  });

  it('V9: may flood: the head and the end of it are kept', async () => {
    const result = await run('echo first; head -c 200000000 /dev/zero | tr "\\0" x; echo; echo last', {maxBytes: 20_000, seconds: 60});
    expect(result.status).toBe(0);
    expect(result.output.startsWith('first\nxxx')).toBe(true);
    expect(result.output.endsWith('xxx\nlast\n')).toBe(true);
    expect(result.output.length).toBeLessThan(20_000 + 17_000);
    expect(result.output).toContain('output left out here');
    const whole = 'y'.repeat(20_000);
    expect(await run(`printf %s ${whole}`, {maxBytes: 20_000})).toMatchObject({output: whole});
  }, 300_000);

  it('T6 V2: finds its reply in whatever login files print', async () => {
    for (const noise of [
      'echo Welcome; ',
      'printf "no line break"; ',
      'printf "\\ndrover 00 begin\\n\\ndrover 00 end 0\\n"; ',
      'printf "\\033]0;title\\007\\377\\376"; ',
      'head -c 10000000 /dev/zero | tr "\\0" n; ',
    ]) {
      const noisy = linkWith(shell, {before: noise});
      expect(await runHookOn(noisy, {command: 'echo out', seconds: 10, cwd: undefined, signal: patiently})).toMatchObject({
        status: 0,
        output: 'out\n',
      });
    }
  });

  it('T32: never takes a reply that is cut for a whole one', async () => {
    const site = await Site.make(shell);
    await mkdir(site.at('.drover', 'runs', 'run-1'), {recursive: true, mode: 0o700});
    const plan = 'p'.repeat(300_000);
    await site.own('.plan');
    spawnSync('sh', [
      '-c',
      `printf %s "$1" >"$2"; chmod -R a+rX "$3"`,
      'sh',
      plan.slice(0, 100_000),
      site.at('.drover', 'runs', 'run-1', 'plan'),
      site.at('.drover'),
    ]);
    const ask = (maxReplyBytes: number): Promise<string> =>
      callVerb(site.link, {verb: 'read-plan', values: {root: site.root, run: 'run-1'}, signal: patiently, maxReplyBytes});
    expect(await ask(200_000)).toHaveLength(100_000);
    await expect(ask(50_000)).rejects.toMatchObject({failure: 'unexpected', message: expect.stringContaining('more than 50000 bytes')});
    await site.remove();
  });

  it('T4: carries any value as it is', async () => {
    const site = await Site.make(shell);
    const epoch = await site.app.lease({run: 'run-1', owner: 'ana', reason: '', ttlSeconds: 60, plan: '', from: undefined, to: 'a'});
    const fence = {run: 'run-1', epoch};
    const text = fc
      .oneof(fc.string({unit: 'binary'}), fc.string({unit: 'grapheme'}), fc.stringMatching(/^[\\'"`$(){};&|<>*?#~!=%\s-]*$/))
      .filter((value) => !/[\n\0]/.test(value) && !/[\ud800-\udfff]/.test(value));
    await fc.assert(
      fc.asyncProperty(text, async (value) => {
        await site.app.note(fence, 'noted', value);
        const lines = (await readFile(site.at('.drover', 'journal'), 'utf8')).split('\n');
        expect(lines.at(-2)).toMatch(/^\S+ \d+ run-1 noted /);
        expect(lines.at(-2)?.split(' ').slice(4).join(' ')).toBe(value);
      }),
      {numRuns: 25},
    );
    await site.remove();
  }, 300_000);

  it('T3 T4: refuses values that would end their line, or are no names', async () => {
    const site = await Site.make(shell);
    const fence = {run: 'run-1', epoch: 1};
    for (const bad of ['a\nb', 'a\0b']) await expect(site.app.note(fence, 'noted', bad)).rejects.toMatchObject({code: 'usage'});
    for (const bad of ['../x', 'a b', 'A', '$(x)', 'a/b']) {
      await expect(site.app.note({run: bad, epoch: 1}, 'noted', '')).rejects.toMatchObject({code: 'usage'});
      await expect(site.app.verify(bad)).rejects.toMatchObject({code: 'usage'});
      await expect(site.app.prune(2, [`${bad}/`])).rejects.toMatchObject({code: 'usage'});
    }
    // And the host does not rely on that.
    const {verbCommand} = await import('../../src/lib/host/verb-program.js');
    for (const line of [
      'run=../x',
      'id=../x',
      'part=a/b',
      'epoch=1+a[$(touch planted)]',
      'keep=x',
      'protect=../x',
      'event=a b',
      'to=..',
      'from=.',
      'base=/',
    ]) {
      const reply = await site.link.exec({
        command: verbCommand('gc'),
        stdin: Buffer.from(`ab\nroot=${site.root}\n${line}\n\n`),
        idleTimeoutMs: 5000,
        totalTimeoutMs: 5000,
        maxOutputBytes: 1000,
        signal: patiently,
      });
      expect(findFrame(reply.stdout, 'ab'), line).toMatchObject({status: 19, body: expect.stringContaining('malformed')});
    }
    await site.remove();
  });
});
