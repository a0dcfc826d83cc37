import {spawn} from 'node:child_process';
import {existsSync} from 'node:fs';
import {chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {program, runDrover} from './drover.js';

/** Hosts that are this machine: what is asked of them is real, only the network is not. */
describe('drover run', {timeout: 300_000}, () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'drover-run-'));
    const hosts = ['web1', 'web2', 'web3', 'web4', 'web5', 'web6'].map((name) => `  ${name}: {link: local}\n`);
    await writeFile(path.join(dir, 'inventory.yml'), `hosts:\n${hosts.join('')}`);
    // A sudo that shows how it was asked, whether this machine has one or not.
    await mkdir(path.join(dir, 'bin'));
    await writeFile(path.join(dir, 'bin', 'sudo'), '#!/bin/sh\n[ "$1 $2" = "-n --" ] || exit 9\nshift 2\nAS=root exec "$@"\n');
    await chmod(path.join(dir, 'bin', 'sudo'), 0o755);
  });
  afterAll(() => rm(dir, {recursive: true, force: true}));

  const env = (): Record<string, string> => ({PATH: `${path.join(dir, 'bin')}:${process.env.PATH ?? ''}`});
  const drover = (words: readonly string[], stdin?: string) =>
    runDrover(['run', '-i', 'inventory.yml', '--trust-inventory', ...words], {
      cwd: dir,
      env: env(),
      ...(stdin === undefined ? {} : {stdin: Buffer.from(stdin)}),
    });

  it('sends a script with its arguments and standard input to every host, as root where that is asked', async () => {
    await writeFile(path.join(dir, 'count.sh'), '#!/bin/sh -e\necho "$# $2 $AS."; wc -l\n');
    const words = ['--hosts', 'web[1-3]', '--sudo', '--script', 'count.sh', '--stdin', '--', '-n', "it's *"];
    const {status, stdout, stderr} = await drover(words, 'one\ntwo\n');
    expect({status, stderr}).toEqual({status: 0, stderr: expect.any(String) as string});
    expect(stdout).toMatch(/^--- web\[1-3\] \(3\)\n2 it's \* root\.\n *2\n$/);
    expect((await drover(['--hosts', 'web1', '--', 'cat; echo "as $AS."'])).stdout).toBe('--- web1 (1)\nas .\n');
  });

  it('gives an interpreter all that follows it as one argument, as the kernel does', async () => {
    await writeFile(path.join(dir, 'env.sh'), '#!/usr/bin/env -S echo one  two\n');
    expect((await drover(['--hosts', 'web1', '--script', 'env.sh'])).stdout).toMatch(/^--- web1 \(1\)\none two \S*script\n$/);
    await writeFile(path.join(dir, 'two.sh'), '#!/bin/echo one  two\n');
    expect((await drover(['--hosts', 'web1', '--script', 'two.sh'])).stdout).toMatch(/^--- web1 \(1\)\none {2}two \S*script\n$/);
  });

  it('runs a command that is longer than an argument may be', async () => {
    const long = ['printf %s%s', 'a'.repeat(90_000), 'b'.repeat(60_000), '| wc -c'];
    expect((await drover(['--hosts', 'web1', '--', ...long])).stdout).toMatch(/^--- web1 \(1\)\n *150000\n$/);
    expect(await drover(['--hosts', 'web1', '--script', 'count.sh', '--', ...long])).toMatchObject({
      status: 2,
      stderr: 'error[usage]: the arguments of the script are too long; send them on its standard input: --stdin\n',
    });
  });

  it('tries the first hosts alone, stops at the budget, and says who was never asked', async () => {
    const canary = await drover(['--all', '--canary', '2', '--json', '--', 'exit 3']);
    expect(canary.status).toBe(8);
    const hosts = (JSON.parse(canary.stdout) as {hosts: {host: string; failure: string}[]}).hosts;
    expect(hosts.map(({host, failure}) => `${host} ${failure}`)).toEqual([
      'web1 exit 3',
      'web2 exit 3',
      ...['web3', 'web4', 'web5', 'web6'].map((name) => `${name} not begun: the first hosts failed`),
    ]);
    const budget = await drover(['--all', '--budget', '1', '--concurrency', '1', '--', 'exit 3']);
    expect(budget.stdout).toBe('--- web[3-6] (4) not begun: the budget is spent\n--- web[1-2] (2) exit 3\n');
    expect((await drover(['--all', '--canary', '2', '--', 'echo fine'])).stdout).toBe('--- web[1-6] (6)\nfine\n');
  });

  it('writes a file per host, and asks the hosts of an earlier run that failed again', async () => {
    const command = `if mkdir '${dir}/first' 2>/dev/null; then echo lost; exit 1; fi; echo found`;
    const first = await drover(['--all', '--concurrency', '1', '--out-dir', 'out', '--', command]);
    expect(first.status).toBe(8);
    expect((await readdir(path.join(dir, 'out'))).sort()).toEqual(['web1.failed', ...[1, 2, 3, 4, 5, 6].map((n) => `web${n}.out`)]);
    expect(await readFile(path.join(dir, 'out', 'web1.failed'), 'utf8')).toBe('exit 1\n');
    expect(await readFile(path.join(dir, 'out', 'web1.out'), 'utf8')).toBe('lost\n');
    expect((await drover(['--all', '--out-dir', 'out', '--', 'true'])).stderr).toMatch(/--out-dir out is not empty; name a new folder\n$/);
    expect((await drover(['--hosts-from', 'latest:failed', '--', command])).stdout).toBe('--- web1 (1)\nfound\n');
    expect((await drover(['--hosts-from', 'latest:failed', '--', 'true'])).stderr).toMatch(
      /has no host that is failed; see it: drover report/,
    );
    const picked = await drover(['--hosts-from', 'latest', '--pick', '1', '--', 'echo one']);
    expect(picked.stdout).toBe('--- web1 (1)\none\n');
  });

  it('tells what a command printed though the folder for it is gone', async () => {
    const lost = await drover(['--hosts', 'web1', '--out-dir', 'gone', '--', `rm -r '${dir}/gone'; echo done`]);
    expect(lost.status).toBe(3);
    expect(lost.stdout).toBe('--- web1 (1)\ndone\n');
    expect(lost.stderr).toContain('error[invalid-file]: --out-dir gone: 1 of 1 files could not be written: ENOENT');
  });

  it('XI22 asks when the inventory has lost more than half of its hosts', async () => {
    await drover(['--hosts', 'web1', '--', 'true']);
    const whole = await readFile(path.join(dir, 'inventory.yml'), 'utf8');
    await writeFile(path.join(dir, 'inventory.yml'), 'hosts:\n  web1: {link: local}\n  web2: {link: local}\n');
    const refused = await drover(['--all', '--', 'true']);
    expect(refused.status).toBe(4);
    expect(refused.stderr).toMatch(/inventory inventory.yml now has 2 hosts, last run had 6; pass --inventory-changed if that is right\n$/);
    expect((await drover(['--all', '--inventory-changed', '--', 'true'])).status).toBe(0);
    expect((await drover(['--all', '--', 'true'])).status).toBe(0);
    await writeFile(path.join(dir, 'inventory.yml'), whole);
  });

  it('shows on SIGUSR1 who is pending', async () => {
    const words = [
      program,
      'run',
      '-i',
      'inventory.yml',
      '--trust-inventory',
      '--hosts',
      'web[1-2]',
      '--',
      `while [ ! -e '${dir}/go' ]; do sleep 0.1; done; echo gone`,
    ];
    const child = spawn(process.execPath, words, {cwd: dir, env: {...env(), HOME: dir}, stdio: ['ignore', 'pipe', 'pipe']});
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (piece) => (stdout += String(piece)));
    const ended = new Promise((resolve) => child.on('close', resolve));
    for await (const piece of child.stderr) {
      stderr += String(piece);
      // Asked as often as it takes until both have begun.
      if (/2 hosts at work/.test(stderr)) break;
      if (/run-started|hosts|at work/.test(stderr)) child.kill('SIGUSR1');
    }
    await writeFile(path.join(dir, 'go'), '');
    child.stderr.resume();
    expect(await ended).toBe(0);
    expect(stderr).toMatch(/2 hosts at work, 0 of 2 ended\n {2}command: web\[1-2\], for up to /);
    expect(stdout).toBe('--- web[1-2] (2)\ngone\n');
  });

  it('streams whole lines as they come, and what came stays when it is interrupted', async () => {
    const command = `printf 'one\ntw'; until [ -e '${dir}/more' ]; do sleep 0.1; done; printf 'o\\n\\033[2Jthree'`;
    const words = [program, 'run', '-i', 'inventory.yml', '--hosts', 'web[1-2]', '--concurrency', '1', '--stream', '--', command];
    const child = spawn(process.execPath, words, {cwd: dir, env: {...env(), HOME: dir}, stdio: ['ignore', 'pipe', 'ignore']});
    const ended = new Promise((resolve) => child.on('close', resolve));
    let stdout = '';
    for await (const piece of child.stdout) {
      stdout += String(piece);
      if (stdout !== 'web1: one\n') continue;
      child.kill('SIGINT');
      await writeFile(path.join(dir, 'more'), '');
    }
    expect(await ended).toBe(130);
    expect(stdout).toBe('web1: one\nweb1: two\nweb1: \\x1b[2Jthree\nweb2: [not begun]\n');
    const json = await drover([
      '--hosts',
      'web[1-2]',
      '--concurrency',
      '1',
      '--stream',
      '--json',
      '--out-dir',
      'lines',
      '--',
      'echo a; exit 3',
    ]);
    expect(
      json.stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      {host: 'web1', line: 'a'},
      {host: 'web1', ended: true, status: 3, failure: 'exit 3'},
      {host: 'web2', line: 'a'},
      {host: 'web2', ended: true, status: 3, failure: 'exit 3'},
      {schemaVersion: 1, command: 'echo a; exit 3', hosts: 2, failed: 2},
    ]);
    expect(await readFile(path.join(dir, 'lines', 'web2.out'), 'utf8')).toBe('a\n');
  });

  it('shows with --diff what most hosts printed, and of the others what differs', async () => {
    const command = `seq 3; if mkdir '${dir}/other' 2>/dev/null; then echo odd; else echo --stream --json; fi`;
    const {stdout} = await drover(['--all', '--concurrency', '1', '--diff', '--', command]);
    expect(stdout).toBe('--- web[2-6] (5)\n1\n2\n3\n--stream --json\n--- web1 (1)\n@@ -1,4 +1,4 @@\n 1\n 2\n 3\n---stream --json\n+odd\n');
  });

  it.skipIf(!existsSync('/usr/bin/script'))('shows on Enter who is pending, above what it draws', async () => {
    const command = `until [ -e '${dir}/entered' ]; do sleep 0.1; done; echo gone`;
    const words = [process.execPath, program, 'run', '-i', 'inventory.yml', '--hosts', 'web[1-2]', '--', command];
    const child = spawn('/usr/bin/script', ['-qfec', words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' '), '/dev/null'], {
      cwd: dir,
      env: {...env(), HOME: dir, TERM: 'xterm', NO_COLOR: '1'},
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const ended = new Promise((resolve) => child.on('close', resolve));
    let shown = '';
    for await (const piece of child.stdout) {
      shown += String(piece);
      // Pressed at each redrawing until it is answered.
      if (!/command: web\[1-2\], for up to /.test(shown)) child.stdin.write('\n');
      else await writeFile(path.join(dir, 'entered'), '');
    }
    expect(await ended).toBe(0);
    expect(shown).toMatch(/2 hosts at work, 0 of 2 ended\r?\n {2}command: web\[1-2\], for up to /);
    expect(shown).toMatch(/--- web\[1-2\] \(2\)\r?\ngone/);
  });
});
