import {spawn} from 'node:child_process';
import {createHash, randomBytes} from 'node:crypto';
import {readFile} from 'node:fs/promises';
import path from 'node:path';
import {PassThrough} from 'node:stream';
import {NodeSSH} from 'node-ssh';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {generateEd25519} from '../../src/lib/inventory/ed25519-key.js';
import type {Lab} from '../../src/lib/lab/lab.js';
import type {LabHost} from '../../src/lib/lab/lab-host.js';
import {connect, findHost, hasProgram, openPracticeFleet, placeRelease, run, sshArguments, waitUntil} from './practice-fleet.js';

let lab: Lab;
let web1: LabHost;
let end: () => Promise<void>;
beforeAll(async () => {
  ({lab, end} = await openPracticeFleet({hosts: 2}));
  web1 = findHost(lab, 'web1');
  await placeRelease(web1, 'r1');
  await web1.unplug();
  await web1.plug();
});
afterAll(() => end());

function sha256(bytes: Buffer | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

describe('a lab host, to node-ssh', () => {
  let ssh: NodeSSH;
  beforeAll(async () => {
    ssh = await connect(lab, web1);
  });
  afterAll(() => ssh.dispose());

  it('runs commands in its own home with its own environment', async () => {
    const {stdout, code} = await ssh.execCommand('pwd; echo "$HOME $USER $SHELL $LANG $DROVER_LOCAL_ADDRESS"; env | wc -l');
    expect(stdout).toMatch(new RegExp(`^${web1.home}\n${web1.home} deploy /bin/sh C ${web1.web.address}\n\\s*(9|10|11)$`));
    expect(code).toBe(0);
  });

  it('reports exit status, signal and standard error', async () => {
    expect(await ssh.execCommand('echo out; echo err >&2; exit 3')).toMatchObject({stdout: 'out', stderr: 'err', code: 3});
    expect(await ssh.execCommand('kill -TERM $$')).toMatchObject({code: null, signal: 'SIGTERM'});
  });

  it('carries megabytes both ways unchanged', async () => {
    const bytes = randomBytes(8 * 1024 * 1024);
    const sum = createHash('sha256');
    const stdin = new PassThrough();
    stdin.end(bytes);
    await ssh.execCommand('exec cat', {stdin, onStdout: (piece) => sum.update(piece), noTrim: true});
    expect(sum.digest('hex')).toBe(sha256(bytes));
  });

  it('runs many commands at a time over one connection', async () => {
    const results = await Promise.all(Array.from({length: 40}, (_, index) => ssh.execCommand(`echo ${index}`)));
    expect(results.map(({stdout}) => Number(stdout))).toEqual(Array.from({length: 40}, (_, index) => index));
  });

  it('lets a command go on, with its input ended, when the client is gone', async () => {
    const client = await connect(lab, web1);
    const stdin = new PassThrough();
    const started = new Promise<void>((resolve) => {
      client.execCommand('echo ready; cat > /dev/null; echo went-on > after-death', {stdin, onStdout: () => resolve()}).catch(() => {});
    });
    await started;
    client.connection?.destroy();
    const text = await waitUntil(
      () => readFile(path.join(web1.home, 'after-death'), 'utf8').catch(() => ''),
      (content) => content !== '',
    );
    expect(text).toBe('went-on\n');
  });

  it('forwards port 8080 of the host to its web app, and nothing else', async () => {
    const port = (await readFile(lab.projectPath, 'utf8')).match(/port: (\d+)/)?.[1];
    const channel = await ssh.forwardOut('127.0.0.1', 0, '127.0.0.1', Number(port));
    let answer = '';
    channel.on('data', (piece: Buffer) => {
      answer += piece.toString();
    });
    channel.write('GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    await new Promise((resolve) => channel.once('close', resolve));
    expect(answer).toContain('x-release: r1');
    await expect(ssh.forwardOut('127.0.0.1', 0, '127.0.0.1', web1.ssh.port)).rejects.toThrow('open failure');
    await expect(ssh.forwardOut('127.0.0.1', 0, findHost(lab, 'web2').web.address, Number(port))).rejects.toThrow('open failure');
  });

  it('reaches the admin socket on the balancer host only', async () => {
    const balancer = await connect(lab, findHost(lab, 'lb1'));
    const stream = await balancer.forwardOutStreamLocal('/run/haproxy/admin.sock');
    let answer = '';
    stream.on('data', (piece: Buffer) => {
      answer += piece.toString();
    });
    stream.end('show servers state web\n');
    await new Promise((resolve) => stream.once('close', resolve));
    balancer.dispose();
    expect(answer).toMatch(/^1\n# be_id be_name .*\n3 web 1 web1 /);
    await expect(ssh.forwardOutStreamLocal('/run/haproxy/admin.sock')).rejects.toThrow('open failure');
  });
});

describe('a lab host refuses', () => {
  it('another key, another user and passwords', async () => {
    const to = {host: web1.ssh.address, port: web1.ssh.port};
    const stranger = generateEd25519('stranger').privateKey;
    const own = await readFile(path.join(lab.dir, 'ssh', 'id_ed25519'), 'utf8');
    const logins = [
      {...to, username: 'deploy', privateKey: stranger},
      {...to, username: 'root', privateKey: own},
      {...to, username: 'deploy', password: 'deploy'},
    ];
    for (const login of logins) await expect(new NodeSSH().connect(login)).rejects.toThrow('authentication methods failed');
  });
});

describe.skipIf(!hasProgram('ssh'))('a lab host, to the system ssh', () => {
  it('is known by its host key and runs a command', async () => {
    const result = await run('ssh', sshArguments(lab, web1, "exec /bin/sh -c 'cat; exit 5'"), 'hello');
    expect(result).toEqual({status: 5, stdout: 'hello', stderr: ''});
  });

  it('reports a command that a signal killed', async () => {
    const result = await run('ssh', sshArguments(lab, web1, 'kill -KILL $$'));
    expect(result.status).toBe(255);
  });

  it('lets a command go on when ssh is killed', async () => {
    const child = spawn('ssh', sshArguments(lab, web1, 'echo ready; cat > /dev/null; echo went-on > after-kill'), {stdio: 'pipe'});
    await new Promise((resolve) => child.stdout.once('data', resolve));
    child.kill('SIGKILL');
    const text = await waitUntil(
      () => readFile(path.join(web1.home, 'after-kill'), 'utf8').catch(() => ''),
      (content) => content !== '',
    );
    expect(text).toBe('went-on\n');
  });

  it('gives no shell and no terminal', async () => {
    const {status, stderr} = await run('ssh', sshArguments(lab, web1, '-tt', 'true').slice(0, -1));
    expect(status).toBe(255);
    expect(stderr).toContain('request failed');
  });
});
