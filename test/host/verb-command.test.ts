import {spawnSync} from 'node:child_process';
import {mkdtempSync, readdirSync, rmSync} from 'node:fs';
import {chmod, readdir, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {afterAll, beforeAll, describe, expect, it, vi} from 'vitest';
import {type CommandEnd, type OperatorCommand, runCommandOn} from '../../src/lib/host/host-command.js';
import {verbProgram} from '../../src/lib/host/verb-program.js';
import {findProcesses} from './processes.js';
import {patiently} from './some-host.js';
import {itUnder, linkWith, type Shell, shells} from './verb-site.js';

const usual = {seconds: 60, maxBytes: 65_536, signal: patiently};

describe.each(shells)('a command of drover run under $name', (shell: Shell) => {
  const {eachShell} = itUnder(shell);
  const work = mkdtempSync(path.join(tmpdir(), 'drover-command-'));
  const link = linkWith({...shell, env: {...shell.env, TMPDIR: work}});
  const run = (command: string, more: Partial<OperatorCommand> = {}): Promise<CommandEnd> =>
    runCommandOn(link, {...usual, command, ...more});
  beforeAll(() => chmod(work, 0o1777));
  afterAll(async () => {
    expect(await readdir(work)).toEqual([]);
    await rm(work, {recursive: true});
  });

  it('gives its output and status', async () => {
    expect(await run('echo out; echo err >&2; exit 3')).toEqual({status: 3, lateAfterSeconds: undefined, output: 'out\nerr\n'});
    expect(await run('kill -KILL $$')).toMatchObject({status: 137});
    expect(await run('exit 255')).toMatchObject({status: 255});
    expect(await run('printf "no line break"')).toMatchObject({output: 'no line break'});
    expect(await run('')).toEqual({status: 0, lateAfterSeconds: undefined, output: ''});
    expect(await run('no-such-program-here')).toMatchObject({status: 127, output: expect.stringContaining('no-such-program-here')});
  });

  it('is the text that was given, lines, quotes and all', async () => {
    const text = `printf '%s|' "a  b" 'c\\d' $((1 + 1)) "$#" \\\\ 'é ✓'\n\n# a comment\ncat <<'END'\n$(x) \`y\` "z" !w\nEND\nif true; then\n  echo last\nfi\n`;
    expect((await run(text)).output).toBe('a  b|c\\d|2|0|\\|é ✓|$(x) `y` "z" !w\nlast\n');
  });

  it('runs in the folder, locale and umask that it would have without drover, and has no input', async () => {
    const {output} = await run('[ "$PWD" = "$HOME" ] && echo home; umask; env | grep -c -e ^LC_ALL -e DROVER -e nonce; cat; echo ended');
    expect(output).toBe('home\n0022\n0\nended\n');
  });

  it('has a script as its $1 and what it is sent as its input, byte for byte', async () => {
    const input = Buffer.from('two\nlines\0\xff no end', 'latin1');
    const script = Buffer.from('echo "$1-$2"; cat | od -An -c | tr -d " \\n"');
    expect(await run('exec /bin/sh "$1" "a b" c', {script, input})).toMatchObject({status: 0, output: 'a b-c\ntwo\\nlines\\0377noend'});
    expect((await run('wc -c', {input})).output.trim()).toBe(String(input.length));
    expect((await run('wc -c', {input: Buffer.alloc(3_000_000, 'x')})).output.trim()).toBe('3000000');
    expect((await run('head -c 3', {input: Buffer.alloc(3_000_000, 'x')})).output).toBe('xxx');
    expect((await run('wc -c', {input, script: Buffer.alloc(0)})).output.trim()).toBe(String(input.length));
    expect((await run('exec sh "$1"', {input: Buffer.alloc(0), script: Buffer.from('cat; echo ended')})).output).toBe('ended\n');
    expect((await run('exec sh "$1"', {script: Buffer.from('cat; echo ended')})).output).toBe('ended\n');
  });

  it('is never taken for options of the shell', async () => {
    for (const command of ['-s', '+e', '-c true', '--version']) expect(await run(command)).toMatchObject({status: 127});
  });

  eachShell('A1: is not begun when it did not come whole, nor without all that it is sent', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'drover-cut-'));
    const ask = (text: string): string =>
      spawnSync(shell.words[0], [...shell.words.slice(1), '-c', verbProgram('command')], {
        input: `ab\nseconds=20\n${text}`,
        env: {...shell.env, TMPDIR: folder, FOLDER: folder},
        encoding: 'utf8',
      }).stdout;
    expect(ask('files=2\n\ntouch $FOLDER/a\n')).toContain('end refused the command did not come whole\n');
    expect(ask('files=1\n\ntouch $FOLDER/b')).toContain('end refused the command did not come whole\n');
    expect(ask('files=1\noffset=9\n\ncat >$FOLDER/c\n12345678')).toContain('end refused what was sent to the command did not come whole\n');
    expect(ask('files=1\nbytes=3\noffset=9\n\ntouch $FOLDER/d\n12345678')).toContain('end refused what was sent');
    expect(readdirSync(folder)).toEqual([]);
    expect(ask('files=1\noffset=8\n\ncat\n12345678')).toContain('\n12345678\ndrover ab end 0\n');
    rmSync(folder, {recursive: true});
  });

  eachShell('has the environment of its login, whatever names are in it, and needs no HOME', () => {
    const {HOME: _, ...env} = shell.env;
    const {stdout} = spawnSync(shell.words[0], [...shell.words.slice(1), '-c', verbProgram('command')], {
      input: 'ab\nfiles=1\n\npwd; echo $text $seconds $work $files $kind $line $as\n',
      env: {...env, text: '1', seconds: '2', work: '3', files: '4', kind: '5', line: '6', as: '7'},
      encoding: 'utf8',
    });
    expect(stdout).toBe('\ndrover ab begin\n/\n1 2 3 4 5 6 7\n\ndrover ab end 0\n');
  });

  it('D9 T6: may forge any frame and gets nothing by it', async () => {
    const forged = "printf '\\ndrover 00 end 0\\n\\ndrover %s begin\\nerror x\\n\\ndrover %s end 0\\n' ffff ffff; exit 9";
    expect(await run(forged)).toMatchObject({status: 9, output: expect.stringContaining('drover ffff begin')});
  });

  it('is ended at its deadline with all of its session', async () => {
    const mark = `command-mark-${shell.uid ?? shell.name}`;
    const result = await run(
      `trap '' TERM; echo begun; sh -c 'trap "" TERM; while :; do sleep 0.2; done' ${mark} & set -m; sh -c 'while :; do sleep 0.2; done' ${mark}-group & wait; while :; do sleep 1; done`,
      {seconds: 1},
    );
    expect(result).toMatchObject({lateAfterSeconds: 1, output: expect.stringContaining('begun\n')});
    expect(result.status).toBeGreaterThan(128);
    expect(await findProcesses(mark)).toEqual([]);
    expect(await findProcesses(`${mark}-group`)).toEqual([]);
  });

  it('that ends when it is asked to is not killed', async () => {
    expect(await run(`trap 'echo asked; exit 5' TERM; while :; do sleep 0.1; done`, {seconds: 1})).toEqual({
      status: 5,
      lateAfterSeconds: 1,
      output: expect.stringMatching(/asked\n$/),
    });
  });

  it('may leave a daemon that keeps its output open, and does not wait for it', async () => {
    const mark = `command-daemon-${shell.uid ?? shell.name}`;
    // It outlives the deadline of the command by far: whoever waited for it would be late.
    const result = await run(
      `sh -c 'n=0; while [ $n -lt 60 ]; do n=$((n + 1)); sleep 0.8; echo tick || exit; done' ${mark} & echo started`,
      {seconds: 20},
    );
    expect(result).toEqual({status: 0, lateAfterSeconds: undefined, output: 'started\n'});
    for (const pid of await findProcesses(mark)) process.kill(pid);
  });

  it('may leave a daemon that lets go of its output: it lives on', async () => {
    const mark = `command-detached-${shell.uid ?? shell.name}`;
    const daemon = `sh -c 'n=0; while [ $n -lt 60 ]; do n=$((n + 1)); sleep 0.8; done' ${mark}`;
    expect(await run(`setsid ${daemon} >/dev/null 2>&1 </dev/null & echo started`)).toMatchObject({status: 0, output: 'started\n'});
    const pids = await vi.waitFor(async () => {
      const found = await findProcesses(mark);
      expect(found.length).toBeGreaterThan(0);
      return found;
    }, 60_000);
    for (const pid of pids) process.kill(pid);
  });

  it('V9: may flood: the head and the end of it are kept', async () => {
    const result = await run('echo first; head -c 100000000 /dev/zero | tr "\\0" x; echo; echo last', {maxBytes: 20_000});
    expect(result.status).toBe(0);
    expect(result.output.startsWith('first\nxxx')).toBe(true);
    expect(result.output.endsWith('xxx\nlast\n')).toBe(true);
    expect(result.output.length).toBeLessThan(20_100);
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
    ])
      expect(await runCommandOn(linkWith(shell, {before: noise}), {...usual, command: 'echo out'})).toMatchObject({
        status: 0,
        output: 'out\n',
      });
  });

  it('says what the host said where nothing could be run', async () => {
    const full = linkWith({...shell, env: {...shell.env, TMPDIR: '/no/such/folder'}});
    await expect(runCommandOn(full, {...usual, command: 'sh "$1"', script: Buffer.from('true')})).rejects.toMatchObject({
      failure: 'unexpected',
      message: expect.stringContaining('cannot write to /no/such/folder'),
    });
    const closed = linkWith(shell, {before: 'echo "This account is not available." >&2; exit 1; '});
    await expect(runCommandOn(closed, {...usual, command: 'true'})).rejects.toMatchObject({
      failure: 'lost',
      message: expect.stringContaining('no reply (exit status 1): This account is not available.'),
    });
  });
});
