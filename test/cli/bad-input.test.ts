import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {createServer, type Server} from 'node:net';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {runDrover} from './drover.js';

const project =
  'apps:\n  site: {source: ./content, root: /srv/site, hosts: role:web}\n  code: {source: ./content, root: /srv/code, hosts: role:web}\n';

describe('bad input', () => {
  let dir: string;
  let server: Server;
  let connections = 0;

  beforeAll(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'drover-input-'));
    server = createServer((socket) => {
      connections++;
      socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await writeFile(path.join(dir, 'drover.yml'), project);
    await writeFile(
      path.join(dir, 'inventory.yml'),
      `hosts:\n  web1: {silo: eu, role: web, address: 127.0.0.1, port: ${port}}\n  web2: {silo: us, role: web, address: 127.0.0.1, port: ${port}}\n`,
    );
    await writeFile(path.join(dir, 'tab.yml'), 'apps:\n\tsite: {}\n');
    await writeFile(path.join(dir, 'unknown.yml'), `${project.replace('hosts: role:web', 'host: role:web')}`);
  });

  afterAll(async () => {
    await new Promise((resolve) => server.close(resolve));
    await rm(dir, {recursive: true, force: true});
  });

  it.each([
    [['deply'], 2, 'error[usage]: unknown command "deply"; did you mean "deploy"?\n'],
    [['deploy', 'site', '--hots', 'web1'], 2, 'error[usage]: unknown flag --hots; did you mean --hosts?\n'],
    [['deploy', 'site'], 2, 'error[selection]: no hosts selected; name them with --hosts/--silo, or write --all\n'],
    [['deploy', 'site', '--silo', 'asia'], 2, 'error[selection]: --silo "asia" matches no host; silos are: eu, us\n'],
    [['deploy', 'site', '--all', '--hosts', 'web1'], 2, /^error\[selection\]: .*--all.*--hosts/],
    [['push', 'site', '--all', '--concurrency', '0'], 2, 'error[usage]: --concurrency must be a whole number 1..1000, got "0"\n'],
    [['push', 'site', '--all', '--concurrency', '1e9'], 2, 'error[usage]: --concurrency must be a whole number 1..1000, got "1e9"\n'],
    [
      ['push', 'site', '--all', '--rate', 'host=20'],
      2,
      /^error\[usage\]: --rate host must be bytes per second, at least 1K, .* got "20"\n$/,
    ],
    [
      ['push', 'site', '--all', '--retry-around-failure', '21'],
      2,
      'error[usage]: --retry-around-failure must be a whole number 0..20, got "21"\n',
    ],
    [['deploy', 'site', '--all', '--rate', 'node=20M'], 2, /^error\[usage\]: --rate must name each of host, silo and run at most once/],
    [['run', '--all', '--timeout', '5', '--', 'true'], 2, /^error\[usage\]: --timeout .*needs a unit/],
    [['run', '--all'], 2, 'error[usage]: no command to run; put it after --, for example: drover run --all -- uptime\n'],
    [
      ['rollback', 'site', '--all', '--to', '../x'],
      2,
      'error[usage]: release id may hold only [0-9a-f], got "../x"; give 4 to 64 hex digits\n',
    ],
    [['deploy', '--all'], 2, 'error[usage]: the project has 2 apps: site, code; name one\n'],
    [['deploy', 'sit', '--all'], 3, 'error[not-found]: app "sit" is not in drover.yml; did you mean "site"?\n'],
    [['hosts', '-c', 'none.yml'], 3, /^error\[not-found\]: project file none\.yml not found/],
    [['hosts', '-c', 'tab.yml'], 3, /^error\[invalid-file\]: tab used for indentation \(tab\.yml:2:1\); use spaces\n$/],
    [['hosts', '-c', 'unknown.yml'], 3, /^error\[invalid-file\]: unknown key "host" \(unknown\.yml:2:\d+\); did you mean "hosts"\?/],
    [['deploy', 'site', '--all', '--skip-health'], 4, /^error\[refused\]: --skip-health wants a reason/],
    [['deploy', 'site', '--all', '--at', 'noon'], 2, /^error\[usage\]: --at must be a time with its zone.*, got "noon"/],
    [['deploy', 'site', '--all', '--at', '2031-01-01T00:00:00'], 2, /^error\[usage\]: --at must be a time with its zone/],
    [['deploy', 'site', '--all', '--at', '2021-01-01T00:00:00Z'], 2, /^error\[usage\]: --at 2021-01-01T00:00:00Z has passed/],
    [['deploy', 'site', '--all', '--wave-gap', '5s'], 2, 'error[usage]: --wave-gap means nothing without --at; give the time with --at\n'],
    [['report', 'nonsense'], 2, /^error\[usage\]/],
    [['resume', 'nonsense'], 2, /^error\[usage\]: run id "nonsense" is not/],
    [['deploy', 'site', '--all'], 3, /^error\[not-found\]: .*snapshot/],
    [['push', 'site', '--all'], 3, /^error\[not-found\]: .*snapshot/],
  ] as const)('drover %j is one line, exit %i', async (words, status, stderr) => {
    const ended = await runDrover(words, {cwd: dir});
    expect(ended.status, ended.stderr).toBe(status);
    expect(ended.stdout).toBe('');
    if (typeof stderr === 'string') expect(ended.stderr).toBe(stderr);
    else expect(ended.stderr).toMatch(stderr);
    expect(
      ended.stderr
        .trimEnd()
        .split('\n')
        .filter((line) => !line.startsWith('error[')),
    ).toEqual([]);
  });

  it('takes no argument from standard input', async () => {
    const piped = await runDrover(['push', '--silo', 'asia'], {cwd: dir, stdin: Buffer.from('code\n')});
    expect(piped.stderr).toBe('error[usage]: the project has 2 apps: site, code; name one\n');
  });

  it('tells the same as one JSON object with --json', async () => {
    const ended = await runDrover(['deploy', 'site', '--silo', 'asia', '--json'], {cwd: dir});
    expect(ended.status).toBe(2);
    expect(ended.stderr).toBe('');
    expect(JSON.parse(ended.stdout)).toMatchObject({
      schemaVersion: 1,
      exit: 2,
      error: {code: 'selection', message: '--silo "asia" matches no host'},
    });
  });

  it('says nothing of its own insides when many hosts are dead', async () => {
    const hosts = Array.from({length: 14}, (_, at) => `  web${at}: {silo: eu, role: web, address: 127.0.0.${at + 1}, port: 1}\n`);
    await writeFile(path.join(dir, 'many.yml'), `hosts:\n${hosts.join('')}`);
    const ended = await runDrover(['status', 'site', '--all', '-i', 'many.yml'], {cwd: dir});
    expect(ended.status).toBe(6);
    expect(ended.stdout).toContain('web[0-13]');
    expect(ended.stderr).not.toMatch(/node:|Warning/);
  });

  it('has opened no connection for any of these', () => {
    expect(connections).toBe(0);
  });
});
