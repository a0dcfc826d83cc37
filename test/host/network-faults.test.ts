import {spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {lstat, mkdir, readdir, readFile, writeFile} from 'node:fs/promises';
import {createServer} from 'node:net';
import path from 'node:path';
import {Readable} from 'node:stream';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import type {DroverError} from '../../src/lib/errors/drover-error.js';
import {fanOut} from '../../src/lib/fanout/fan-out.js';
import {DroppedLogin} from '../../src/lib/host/dropped-login.js';
import type {Link} from '../../src/lib/host/link.js';
import {createLinkOpener} from '../../src/lib/host/open-link.js';
import type {Host, SshSettings} from '../../src/lib/inventory/host.js';
import {startFullServer} from './full-server.js';
import {ask} from './link-contract.js';
import {both, LoginBench} from './login-bench.js';
import {listen, makeStaleSocket} from './sockets.js';
import {hostAt, makeHost, patiently, plainEnv} from './some-host.js';
import {findFreePort, makeKey, type Sshd, sshdMissing, startSshd} from './sshd.js';
import {startProxy} from './tcp-proxy.js';

describe.skipIf(sshdMissing !== undefined)(
  `a network in trouble${sshdMissing === undefined ? '' : ` (${sshdMissing})`}`,
  {timeout: 300_000},
  () => {
    let sshd: Sshd;
    let bench: LoginBench;
    const endings: (() => Promise<unknown>)[] = [];
    beforeAll(async () => {
      sshd = await startSshd();
      bench = await LoginBench.make();
    });
    afterAll(async () => {
      for (const end of endings) await end();
      await sshd?.stop();
      await bench?.remove();
    });

    /** A host of this name that is `sshd`, with its key pinned; `port` where something stands in between. */
    const at = (ssh: Partial<SshSettings>, name = 'web1'): Host => ({
      ...hostAt(sshd, {fingerprint: sshd.fingerprint('ed25519'), connectTimeoutMs: 30_000, ...ssh}),
      name: makeHost({}, name).name,
    });
    const hire = (runtimeDirectory = bench.folder): ReturnType<typeof createLinkOpener> => {
      const opener = createLinkOpener({env: plainEnv(), runtimeDirectory});
      endings.push(() => opener.closeAll());
      return opener;
    };
    const echo = async (link: Link): Promise<string> => (await ask(link, 'echo in')).stdout.toString();

    describe.each(both)('%s', (link) => {
      it('B3: a host that drops the first packet of a connection costs the connect timeout', async () => {
        const full = await startFullServer();
        const error = await bench.failure(at({link, port: full.port, connectTimeoutMs: 1000}));
        full.close();
        expect([error.code, error.message]).toEqual(['unreachable', expect.stringContaining('no SSH session within 1 s')]);
      });

      it('B5: a server that falls silent after any number of bytes costs the connect timeout', async () => {
        const failures = await Promise.all(
          [0, 20, 300, 1100].map(async (bytes): Promise<DroverError> => {
            const proxy = await startProxy(sshd.port);
            proxy.stallAfter(bytes);
            const error = await bench.failure(at({link, port: proxy.port, connectTimeoutMs: 2000}));
            await proxy.close();
            return error;
          }),
        );
        for (const error of failures)
          expect([error.code, error.message]).toEqual(['unreachable', expect.stringContaining('no SSH session within 2 s')]);
      });

      it('B12: more hosts at once than sshd lets log in are all reached, with fewer at a time', async () => {
        const narrow = await startSshd({config: ['MaxStartups 4:100:4']});
        endings.push(() => narrow.stop());
        const opener = hire();
        const hosts = Array.from({length: 20}, (_, index) => ({
          ...hostAt(narrow, {link, connectTimeoutMs: 60_000}),
          name: makeHost({}, `web${index + 1}`).name,
        }));
        const outcomes = await fanOut(hosts, async (host) => (await opener.open(host, patiently)).kind, {
          concurrency: 20,
          retry: slowRetry,
          random: Math.random,
          signal: patiently,
        });
        expect(outcomes.map((outcome) => (outcome.kind === 'failed' ? outcome.problem : outcome.kind))).toEqual(hosts.map(() => 'done'));
        await opener.closeAll();
      }, 300_000);

      it.each(['Not allowed at this time\r\n', 'Exceeded MaxStartups\r\n', ''])(
        'B14: a server that says %j and hangs up is explained, and is no refused login',
        async (words) => {
          const server = createServer((socket) => {
            socket.on('error', () => undefined);
            socket.once('data', () => socket.end(words));
          });
          await listen(server, {port: 0, host: '127.0.0.1'});
          const {port} = server.address() as {port: number};
          const error = await bench.failure(at({link, port}));
          server.close();
          expect([error.code, error.problems[0].fix]).toEqual([
            'unreachable',
            expect.stringMatching(/MaxStartups.*15 s to 10 min.*PerSource/),
          ]);
          expect(error.message).toContain('closed the connection before the login');
        },
      );

      it('B18: a login that wants a password as well as the key fails at once, and says so', async () => {
        const strict = await startSshd({config: ['AuthenticationMethods publickey,password', 'PasswordAuthentication yes']});
        const error = await bench.failure(hostAt(strict, {link}));
        await strict.stop();
        expect([error.code, error.message]).toEqual([
          'authentication',
          expect.stringContaining('the login wants password, and drover answers no prompt'),
        ]);
      });

      it('B18: an agent with more keys than the server lets be tried fails at once, and says so', async () => {
        const socket = bench.file(`agent-${link}`);
        const agent = spawn('ssh-agent', ['-D', '-a', socket], {stdio: ['ignore', 'pipe', 'ignore']});
        await once(agent.stdout, 'data');
        const env = plainEnv({SSH_AUTH_SOCK: socket});
        for (let number = 1; number <= 7; number++) {
          const file = bench.file(`many-${link}-${number}`);
          makeKey(file);
          expect(spawnSync('ssh-add', ['-q', file], {env}).status).toBe(0);
        }
        const {identity: _, ...ssh} = hostAt(sshd, {link}).ssh;
        const error = await bench.failure({...makeHost(), ssh}, env);
        agent.kill();
        expect([error.code, error.message]).toEqual(['authentication', expect.stringMatching(/too many/i)]);
      });

      it('B20: a bit that flips on the way ends the connection, and the next one is good', async () => {
        const proxy = await startProxy(sshd.port);
        const opener = hire();
        const host = at({link, port: proxy.port});
        const first = await opener.open(host, patiently);
        proxy.flipAfter(100_000);
        const {exit, stdout} = await ask(first, 'cat', {stdin: Buffer.alloc(1_000_000, 'a'), maxOutputBytes: 2_000_000});
        expect(exit.kind).toBe('lost');
        // Nothing that was altered was passed on.
        expect(stdout.toString()).toMatch(/^a*$/);
        await opener.drop(host);
        expect(await echo(await opener.open(host, patiently))).toBe('in\n');
        await opener.closeAll();
        await proxy.close();
      });
    });

    it('B11: openssh whose connection was killed leaves its socket, and drover connects anew and touches nothing else', async () => {
      const runtime = bench.file('mux');
      await mkdir(runtime);
      const opener = hire(runtime);
      const host = at({link: 'openssh'});
      const first = await opener.open(host, patiently);
      const [folder = ''] = await readdir(runtime);
      const control = (await readdir(path.join(runtime, folder))).find((name) => /^[0-9a-f]{12}$/.test(name)) ?? '';
      const socket = path.join(runtime, folder, control);
      const check = spawnSync('ssh', ['-S', socket, '-O', 'check', 'x'], {encoding: 'utf8'});
      const pid = Number(/pid=(\d+)/.exec(check.stderr)?.[1]);
      await writeFile(path.join(runtime, folder, 'not-ours'), '');
      const result = await ask(first, 'echo ready; exec sleep 60', {onOutput: () => process.kill(pid, 'SIGKILL')});
      expect(result.exit.kind).toBe('lost');
      expect((await lstat(socket)).isSocket()).toBe(true);
      await opener.drop(host);
      makeStaleSocket(socket);
      expect(await echo(await opener.open(host, patiently))).toBe('in\n');
      expect((await lstat(socket)).isSocket()).toBe(true);
      expect(await readdir(path.join(runtime, folder))).toContain('not-ours');
      expect((await lstat(path.join(runtime, folder))).mode & 0o777).toBe(0o700);
      await opener.closeAll();
    });

    it('B19: a host that is down behind a jump host is told as that, and as no dropped login', async () => {
      const config = await bench.write(
        [
          'Host bastion',
          `  HostName 127.0.0.1\n  Port ${sshd.port}\n  User ${sshd.user}\n  IdentityFile ${sshd.identity}`,
          `  HostKeyAlias bastion\n  UserKnownHostsFile ${await bench.write(`bastion ${sshd.hostKeys[0]}\n`)}`,
          'Host web*\n  ProxyJump bastion\n',
        ].join('\n'),
      );
      const error = await bench.failure(at({link: 'auto', config, port: await findFreePort()}));
      expect(error).not.toBeInstanceOf(DroppedLogin);
      expect([error.code, error.message]).toEqual(['unreachable', expect.stringMatching(/^web1: .*open failed: .*refused/)]);
    });

    it('B19: hosts behind a jump host that dies are lost, and the others go on; a jump host that takes few logins gets few', async () => {
      const jump = await startSshd({config: ['MaxStartups 4:100:4']});
      endings.push(() => jump.stop());
      const cable = await startProxy(jump.port);
      endings.push(() => cable.close());
      const config = await bench.write(
        [
          'Host bastion',
          `  HostName 127.0.0.1\n  Port ${cable.port}\n  User ${jump.user}\n  IdentityFile ${jump.identity}`,
          `  HostKeyAlias bastion\n  UserKnownHostsFile ${await bench.write(`bastion ${jump.hostKeys[0]}\n`)}`,
          'Host web*\n  ProxyJump bastion\n',
        ].join('\n'),
      );
      const opener = hire();
      const behind = Array.from({length: 6}, (_, index) => at({link: 'auto', config, connectTimeoutMs: 60_000}, `web${index + 1}`));
      const beside = at({link: 'auto'}, 'db1');
      const outcomes = await fanOut([...behind, beside], (host) => opener.open(host, patiently), {
        concurrency: 20,
        retry: slowRetry,
        random: Math.random,
        signal: patiently,
      });
      const links = outcomes.flatMap((outcome) => (outcome.kind === 'done' ? [outcome.value] : []));
      expect(links.map(({kind}) => kind)).toEqual([...behind.map(() => 'openssh'), 'ssh']);
      let ready = 0;
      const commands = links.map((link) =>
        ask(link, 'echo ready; read -r line; echo $line', {
          stdin: Readable.from(feedWhen(() => ready === links.length)),
          onOutput: () => {
            if (++ready === links.length) cable.cut();
          },
        }),
      );
      const ends = (await Promise.all(commands)).map(({exit}) => exit.kind);
      expect(ends).toEqual([...behind.map(() => 'lost'), 'exited']);
      await opener.closeAll();
    }, 300_000);

    it('H4: openssh keeps its sockets elsewhere where the runtime folder cannot be written', async () => {
      const opener = hire('/proc/drover-cannot-write');
      const link = await opener.open(at({link: 'openssh'}), patiently);
      expect(await echo(link)).toBe('in\n');
      await opener.closeAll();
    });

    it('B15: a changed key is told with the known one, its line, and no way around, with exit status 6', async () => {
      makeKey(bench.file('other'));
      const stranger = (await readFile(bench.file('other.pub'), 'utf8')).split(' ').slice(0, 2).join(' ');
      const known = spawnSync('ssh-keygen', ['-lf', bench.file('other.pub')], {encoding: 'utf8'}).stdout.split(' ')[1] ?? 'none';
      const file = await bench.write(`# ours\n[127.0.0.1]:${sshd.port} ${stranger}\n`);
      for (const link of both) {
        const error = await bench.failure(hostAt(sshd, {link, knownHosts: file}));
        expect(error.message).toContain(`it shows ${sshd.fingerprint('ed25519')}, known is ${known} (${file}:2)`);
        expect([error.code, error.problems[0].fix]).toEqual(['host-key', 'find out why before you connect: somebody may be in between']);
        expect(error.exit).toBe(6);
      }
    });
  },
);

/** Also a login that is alone is dropped while sshd has not yet noticed that others have ended. */
const slowRetry = {attempts: 5, firstDelayMs: 4000, maxDelayMs: 8000};

/** Standard input that has a line once `isTime`. */
async function* feedWhen(isTime: () => boolean): AsyncGenerator<Buffer> {
  while (!isTime()) await new Promise((resolve) => setTimeout(resolve, 20));
  yield Buffer.from('on\n');
}
