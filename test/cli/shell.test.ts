import {spawn} from 'node:child_process';
import {existsSync} from 'node:fs';
import {mkdtemp, readdir, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {type Sshd, sshdMissing, startSshd} from '../host/sshd.js';
import {program, runDrover} from './drover.js';

const scriptMissing = !existsSync('/usr/bin/script');

describe.skipIf(sshdMissing !== undefined || scriptMissing)('drover shell', {timeout: 300_000}, () => {
  let dir: string;
  let sshd: Sshd;
  beforeAll(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'drover-shell-'));
    sshd = await startSshd({keyTypes: ['ed25519', 'rsa']});
    const {port, user, identity} = sshd;
    const reach = `port: ${port}, address: 127.0.0.1, user: ${user}, identity: ${identity}`;
    await writeFile(path.join(dir, 'none'), '');
    await writeFile(
      path.join(dir, 'inventory.yml'),
      `hosts:
  web1: {${reach}, fingerprint: "${sshd.fingerprint('rsa')}"}
  web2: {${reach}, fingerprint: "SHA256:${'A'.repeat(43)}"}
  web3: {link: local}
ssh: {config: none}
`,
    );
  });
  afterAll(async () => {
    await sshd?.stop();
    await rm(dir, {recursive: true, force: true});
  });

  /** On a terminal; what is typed is sent when the host has said something. */
  async function type(words: readonly string[], keys: string): Promise<{status: unknown; shown: string}> {
    const line = [process.execPath, program, ...words, '--trust-inventory'].map((word) => `'${word}'`).join(' ');
    const env = {PATH: process.env.PATH ?? '', HOME: dir, TERM: 'xterm', XDG_RUNTIME_DIR: dir, SHELL: '/bin/sh'};
    const child = spawn('/usr/bin/script', ['-qfec', line, '/dev/null'], {cwd: dir, env, stdio: ['pipe', 'pipe', 'ignore']});
    const ended = new Promise((resolve) => child.on('close', resolve));
    let shown = '';
    for await (const piece of child.stdout) {
      if (shown === '') child.stdin.write(keys);
      shown += String(piece);
    }
    return {status: await ended, shown};
  }

  it('is a shell on the terminal, with the pinned key proved, and ends with its status', async () => {
    const {status, shown} = await type(['shell', 'web1', '-i', 'inventory.yml'], 'test -t 0 && echo "tty $((40 + 2))"; exit 7\r');
    expect(shown).toContain('tty 42');
    expect(status).toBe(7);
    expect((await readdir(dir)).filter((name) => name.startsWith('drover-'))).toEqual([]);
    const other = await type(['shell', 'web2', '-i', 'inventory.yml'], 'exit 0\r');
    expect([other.status, other.shown]).toEqual([6, expect.stringContaining('error[host-key]')]);
  });

  it('opens no connection for several hosts, for this machine or without a terminal', async () => {
    const said = async (...words: string[]): Promise<[number | null, string]> => {
      const {status, stderr} = await runDrover(['shell', '-i', 'inventory.yml', '--trust-inventory', ...words], {cwd: dir});
      return [status, stderr];
    };
    expect(await said('web[1-2]')).toEqual([
      2,
      'error[selection]: "web[1-2]" is 2 hosts: web[1-2]; name one; for many there is drover run\n',
    ]);
    expect(await said('web3')).toEqual([2, 'error[usage]: web3 is this machine (link: local); you have a shell here\n']);
    expect(await said('web1')).toEqual([
      2,
      'error[usage]: drover shell needs a terminal, for its input and its output; run a command instead: drover run --hosts web1 -- COMMAND\n',
    ]);
  });
});
