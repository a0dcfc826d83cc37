import {spawnSync} from 'node:child_process';
import {chmod, mkdir, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {runChild} from '../../src/lib/host/child-exec.js';
import {HostApp} from '../../src/lib/host/host-app.js';
import {runHookOn} from '../../src/lib/host/host-hook.js';
import type {Link} from '../../src/lib/host/link.js';
import {type VerbName, verbProgram} from '../../src/lib/host/verb-program.js';
import {patiently, plainEnv} from './some-host.js';
import {isRoot, linkWith, type Shell, Site, shells} from './verb-site.js';

const has = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
const canUnshare = isRoot && spawnSync('unshare', ['-m', '-u', 'true']).status === 0;
const dash = shells[0] as Shell;

/** Runs what follows where `setup` has changed mounts or the host's name, and nobody else sees it. */
const within = (setup: string): readonly string[] => ['unshare', '-m', '-u', 'sh', '-ec', `${setup}; exec "$@"`, 'sh'];

describe('a host that is not like others', {timeout: 300_000}, () => {
  let site: Site;
  beforeEach(async () => {
    site = await Site.make();
  });
  afterEach(() => site.remove());

  /** The app in a shell whose PATH begins with `tools`, programs of that text. */
  async function withTools(tools: Readonly<Record<string, string>>): Promise<HostApp> {
    const folder = path.join(site.folder, 'tools');
    await mkdir(folder, {recursive: true});
    for (const [name, text] of Object.entries(tools)) {
      await writeFile(path.join(folder, name), `#!/bin/sh\n${text}\n`);
      await chmod(path.join(folder, name), 0o755);
    }
    return site.appOver(linkWith({...dash, env: plainEnv({PATH: `${folder}:${process.env.PATH}`})}));
  }

  /** A login shell that gets the command as sshd hands it over. */
  const loginTo = (words: readonly [string, ...string[]]): Link => ({
    ...site.link,
    exec: (request) => runChild(request, [...words, '-c', request.command], {env: plainEnv(), cwd: '/'}),
  });

  it('V1: a login shell that may not exec, or is no shell, is told by its own words and what it must be able to do', async () => {
    await writeFile(path.join(site.folder, 'menu'), '#!/bin/sh\necho "Welcome. Press 1 for sales."\n', {mode: 0o755});
    for (const [words, said] of [
      [['bash', '-r'], /no reply \(exit status \d+\): .*exec: restricted/],
      [['/bin/false'], /no reply \(exit status 1\): the login shell must be able to exec \/bin\/sh/],
      [[path.join(site.folder, 'menu')], /no reply \(exit status 0\): Welcome\. Press 1 for sales\./],
    ] as const) {
      const app = new HostApp(loginTo(words), site.root, 'shop', patiently);
      await expect(app.readState()).rejects.toMatchObject({code: 'unreachable', message: expect.stringMatching(said) as string});
    }
  });

  it.runIf(canUnshare)('V4: names the tool that is missing, whichever it is, and needs none of those it can do without', async () => {
    const tools =
      verbProgram('read-state')
        .match(/for tool in (awk [^;]*);/)?.[1]
        ?.split(' ') ?? [];
    expect(tools.length).toBeGreaterThan(20);
    await writeFile(path.join(site.folder, 'none'), '', {mode: 0o644});
    const optional = ['zstd', 'curl', 'ssh', 'python3', 'timeout', 'systemctl', 'stat'];
    const found = async (tool: string): Promise<readonly string[]> => {
      const hide = `at=$(command -v ${tool}) || exec "$@"; mount --bind ${site.folder}/none "$at"`;
      const app = site.appOver(linkWith(dash, {wrap: within(hide)}));
      return (await app.readState()).missing;
    };
    for (const tool of tools) {
      // Without base64 not even the question arrives, and without gzip it cannot be unpacked.
      if (tool === 'base64') await expect(found(tool)).rejects.toThrow(/base64/);
      else if (tool === 'gzip')
        await expect(found(tool)).rejects.toMatchObject({
          code: 'unsupported',
          message: expect.stringMatching(/: gzip is missing on this host; install it$/) as string,
        });
      else
        expect(
          (await found(tool)).filter((name) => name !== 'mv-T'),
          tool,
        ).toEqual([tool]);
    }
    for (const tool of optional) expect(await found(tool), tool).toEqual([]);
  });

  it('D4 V6: an mv without -T is found by what it does, and is never replaced by something that is no rename', async () => {
    const [old, next] = [await site.stage({name: 'a'}), await site.stage({name: 'b'})];
    await site.deploy('run-1', undefined, old);
    const mv = `case "$1" in -T) echo "mv: unrecognized option 'T'" >&2; exit 1 ;; esac; exec /bin/mv "$@"`;
    const app = await withTools({mv});
    expect((await app.readState()).missing).toEqual(['mv-T']);
    const fence = await site.lease('run-2', old, next);
    await expect(app.switchTo(fence, {from: old, to: next, confirmSeconds: 0, restart: ''})).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringContaining('mv -T failed') as string,
    });
    expect(await site.live()).toBe(old);
    await site.app.switchTo(fence, {from: old, to: next, confirmSeconds: 0, restart: ''});
    expect(await site.live()).toBe(next);
  });

  it.runIf(isRoot && has('sudo') && has('setpriv'))('V7: a sudo that wants a password fails at once, in words that say so', async () => {
    const link = linkWith({...dash, name: 'nobody', uid: 65_534, env: plainEnv({HOME: '/'})});
    for (const command of ['sudo -n true', 'sudo true', 'sudo -k true </dev/null']) {
      const result = await runHookOn(link, {command, seconds: 20, cwd: undefined, signal: patiently});
      expect(result).toMatchObject({lateAfterSeconds: undefined, output: expect.stringMatching(/^sudo: /m) as string});
      expect(result.status).toBeGreaterThan(0);
    }
  });

  it.runIf(canUnshare)('V13: needs no /proc, and takes no host for another because of its name', async () => {
    const names = ['WEB.Example.COM', 'w'.repeat(64), 'web1', 'web1'];
    let from: string | undefined;
    for (const [index, name] of names.entries()) {
      const app = site.appOver(linkWith(dash, {wrap: within(`hostname '${name}'; mount -t tmpfs none /proc`)}));
      const to = await site.stage({name: `${index}`}, {app});
      const run = `run-${index}`;
      const lease = {run, owner: 'ana', reason: '', ttlSeconds: 60, plan: 'p', from, to};
      const fence = {run, epoch: await app.lease(lease)};
      // Another run is kept away without a clock that counts from the boot as well.
      await expect(app.lease({...lease, run: 'run-other'})).rejects.toMatchObject({failure: 'leased'});
      await app.switchTo(fence, {from, to, confirmSeconds: 0, restart: ''});
      await app.confirm(fence, to);
      await app.release(fence, 'converged');
      expect(await site.live()).toBe(to);
      from = to;
    }
    const verbs: readonly VerbName[] = ['lease', 'read-state', 'switch', 'confirm', 'revert', 'release', 'renew'];
    for (const verb of verbs) expect(verbProgram(verb), verb).not.toMatch(/\b(?:hostname|uname|hostid)\b/);
  });

  it('V14: counts leases by the time since boot, whatever the clock of the host says', async () => {
    const real = 'exec /bin/date';
    const clocks: Readonly<Record<string, string>> = {
      'ten years ahead': `case "$*" in *+%s*) echo 2111111111 ;; *) ${real} -d @2111111111 "$@" ;; esac`,
      'ten years behind': `case "$*" in *+%s*) echo 1479000000 ;; *) ${real} -d @1479000000 "$@" ;; esac`,
      frozen: `case "$*" in *+%s*) echo 1700000000 ;; *) ${real} -d @1700000000 "$@" ;; esac`,
      'going back': `n=$(cat ${site.folder}/tick 2>/dev/null || echo 2000000000); n=$((n - 86400)); echo $n >${site.folder}/tick; ${real} -d @$n "$@"`,
    };
    let from: string | undefined;
    for (const [name, date] of Object.entries(clocks)) {
      const app = await withTools({date});
      const to = await site.stage({name}, {app});
      const run = `run-${Object.keys(clocks).indexOf(name)}`;
      const lease = {run, owner: 'ana', reason: '', ttlSeconds: 600, plan: 'p', from, to};
      const fence = {run, epoch: await app.lease(lease)};
      // Seen by the right clock and by the wrong one, the lease is alive and has most of its time.
      for (const eye of [app, site.app]) {
        expect((await eye.readState()).lease?.leftSeconds, name).toBeGreaterThan(300);
        expect((await eye.readState()).lease?.leftSeconds, name).toBeLessThanOrEqual(600);
        await expect(eye.lease({...lease, run: 'run-other'}), name).rejects.toMatchObject({failure: 'leased'});
      }
      await app.switchTo(fence, {from, to, confirmSeconds: 0, restart: ''});
      await app.confirm(fence, to);
      await app.release(fence, 'converged');
      expect(await site.live(), name).toBe(to);
      from = to;
    }
  });
});
