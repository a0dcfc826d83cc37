import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import type {Link, LinkOpener} from '../../src/lib/host/link.js';
import {LocalLink} from '../../src/lib/host/local-link.js';
import {createLinkOpener} from '../../src/lib/host/open-link.js';
import {PrintingLink} from '../../src/lib/host/printing-link.js';
import type {LinkChoice} from '../../src/lib/inventory/host.js';
import {ask, describeLink} from './link-contract.js';
import {hostAt, makeHost, patiently, plainEnv} from './some-host.js';
import {type Sshd, sshdMissing, startSshd} from './sshd.js';
import {startProxy, type TcpProxy} from './tcp-proxy.js';

describeLink('local', () => ({
  open: async () => new LocalLink(makeHost(), plainEnv()),
  knows255: true,
  knowsSignals: true,
}));

describe('the printing link', () => {
  const lines: string[] = [];
  const link = new PrintingLink(makeHost(), (line) => lines.push(line));

  it('says what would be asked, runs nothing and reports success', async () => {
    const result = await ask(link, 'exit 7', {label: 'switch to=abc'});
    expect(result).toEqual({exit: {kind: 'exited', status: 0}, stdout: Buffer.alloc(0), stderr: Buffer.alloc(0), truncated: false});
    expect(lines.splice(0)).toEqual(['web1: switch to=abc']);
  });

  it('dials nothing: says what would be written, and ends', async () => {
    const stream = await link.dial({kind: 'unix', path: '/run/haproxy.sock'}, patiently);
    stream.end('disable server web/web1\n');
    for await (const piece of stream) expect(piece).toBe('never');
    expect(lines.splice(0)).toEqual(['web1: /run/haproxy.sock <- disable server web/web1']);
  });

  it('stops when it is told to, and closes twice', async () => {
    await expect(ask(link, 'exit 0', {signal: AbortSignal.abort(new Error('stop'))})).rejects.toThrow('stop');
    await link.close();
    await link.close();
  });
});

describe.skipIf(sshdMissing !== undefined)(`over a real sshd${sshdMissing === undefined ? '' : ` (${sshdMissing})`}`, () => {
  let sshd: Sshd;
  let proxy: TcpProxy;
  let runtimeDirectory: string;
  let knownHosts: string;
  const openers: LinkOpener[] = [];

  beforeAll(async () => {
    sshd = await startSshd({config: ['MaxSessions 10']});
    proxy = await startProxy(sshd.port);
    runtimeDirectory = await mkdtemp(path.join(tmpdir(), 'drover-run-'));
    knownHosts = sshd.file('known_alias');
    await writeFile(knownHosts, [sshd.port, proxy.port].map((port) => `[127.0.0.1]:${port} ${sshd.hostKeys[0]}\n`).join(''));
  });
  afterAll(async () => {
    await Promise.all(openers.map((opener) => opener.closeAll()));
    await proxy?.close();
    await sshd?.stop();
    if (runtimeDirectory !== undefined) await rm(runtimeDirectory, {recursive: true, force: true});
  });

  const open = async (link: LinkChoice): Promise<Link> => {
    const opener = createLinkOpener({env: plainEnv(), runtimeDirectory});
    openers.push(opener);
    return opener.open(hostAt(sshd, {link, port: proxy.port, knownHosts}), patiently);
  };

  describeLink('ssh', () => ({open: () => open('ssh'), cut: () => proxy.cut(), knows255: true, knowsSignals: true}));
  describeLink('openssh', () => ({open: () => open('openssh'), cut: () => proxy.cut(), knows255: false, knowsSignals: false}));

  it.each(['ssh', 'openssh'] as const)('B13: %s finds room for more commands than the server takes sessions', async (link) => {
    const narrow = await startSshd({config: ['MaxSessions 2']});
    const opener = createLinkOpener({env: plainEnv(), runtimeDirectory});
    try {
      const to = await opener.open(hostAt(narrow, {link}), patiently);
      const results = await Promise.all(Array.from({length: 6}, (_, index) => ask(to, `sleep 0.1; echo ${index}`)));
      expect(results.map(({stdout}) => stdout.toString())).toEqual(Array.from({length: 6}, (_, index) => `${index}\n`));
    } finally {
      await opener.closeAll();
      await narrow.stop();
    }
  });

  it('A9 B6: notices a frozen connection by itself', async () => {
    const ends = await Promise.all(
      (['ssh', 'openssh'] as const).map(async (link) => {
        const frozen = await startProxy(sshd.port);
        const file = sshd.file(`known_frozen_${link}`);
        await writeFile(file, `[127.0.0.1]:${frozen.port} ${sshd.hostKeys[0]}\n`);
        const opener = createLinkOpener({env: plainEnv(), runtimeDirectory});
        const to = await opener.open(hostAt(sshd, {link, port: frozen.port, knownHosts: file}), patiently);
        const {exit} = await ask(to, 'echo ready; exec sleep 90', {
          idleTimeoutMs: 60_000,
          totalTimeoutMs: 60_000,
          onOutput: () => frozen.freeze(),
        });
        await frozen.close();
        await opener.closeAll();
        return exit.kind;
      }),
    );
    expect(ends).toEqual(['lost', 'lost']);
  }, 300_000);

  it('opens one connection per host, and a new one after it was dropped', async () => {
    const opener = createLinkOpener({env: plainEnv(), runtimeDirectory});
    const host = hostAt(sshd, {link: 'ssh'});
    const [one, same] = await Promise.all([opener.open(host, patiently), opener.open(host, patiently)]);
    expect(same).toBe(one);
    await opener.drop(host);
    const next = await opener.open(host, patiently);
    expect(next).not.toBe(one);
    expect((await ask(next, 'exit 0')).exit).toEqual({kind: 'exited', status: 0});
    await opener.closeAll();
  });
});
