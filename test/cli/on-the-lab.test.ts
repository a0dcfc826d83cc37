import {chmod, mkdtemp, readFile, readlink, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {type Lab, startLab} from '../../src/lib/lab/lab.js';
import {breakContent, writeContent} from '../../src/lib/lab/lab-content.js';
import {type Ended, runDrover} from './drover.js';

const pages = 20;

/** The commands on the practice fleet: needs Node alone, so that it also runs where the real servers cannot. */
describe('the commands on the practice fleet', {timeout: 300_000}, () => {
  let dir: string;
  let lab: Lab;
  const drover = (...words: string[]): Promise<Ended> => runDrover(words, {cwd: dir});
  const parse = (ended: Ended): Record<string, unknown> => JSON.parse(ended.stdout) as Record<string, unknown>;

  beforeAll(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'dl-'));
    lab = await startLab({dir, hosts: 4, missCostMs: 1, signal: AbortSignal.timeout(60_000)});
    await writeContent(path.join(dir, 'content'), {version: 1, pages});
  });

  afterAll(async () => {
    await lab?.stop();
    await rm(dir, {recursive: true, force: true});
  });

  it('snapshot prints the id alone on standard output, the same each time', async () => {
    const first = await drover('snapshot');
    expect(first.stdout).toMatch(/^[0-9a-f]{64}\n$/);
    expect((await drover('snapshot')).stdout).toBe(first.stdout);
  });

  it('deploy refuses without a terminal and without --yes, and changes nothing', async () => {
    const ended = await drover('deploy', '--all');
    expect(ended.status).toBe(4);
    expect(ended.stderr).toContain('error[refused]: refusing to continue without a terminal; pass --yes');
    expect((await drover('status', '--json')).stdout).not.toContain('"live"');
  });

  it('deploy --plan-only shows a digest that --plan accepts, and that an older one does not match', async () => {
    const plan = parse(await drover('deploy', '--all', '--plan-only', '--json'));
    expect(plan.planDigest).toMatch(/^[0-9a-f]{16}$/);
    const wrong = await drover('deploy', '--all', '--plan', '0123456789abcdef');
    expect(wrong.status).toBe(4);
    expect(wrong.stderr).toContain('not 0123456789abcdef');
    const right = await drover('deploy', '--all', '--plan', String(plan.planDigest));
    expect(right.status, right.stderr).toBe(0);
  });

  it('a broken release ends with 7 and one JSON object, and health is good after it', async () => {
    await breakContent(path.join(dir, 'content'));
    await drover('snapshot');
    const ended = await drover('deploy', '--all', '--yes', '--json');
    expect(ended.status, ended.stderr).toBe(7);
    expect(parse(ended)).toMatchObject({schemaVersion: 1, outcome: 'rolled-back', exit: 7});
    await rm(path.join(dir, 'content', 'BROKEN'));
    const health = await drover('health', '--all');
    expect(health.status, health.stdout).toBe(0);
    expect(health.stdout).toContain('site is healthy: 4 of 4 hosts healthy');
  });

  it('push --dry-run reads what is there, prints what it would ask, and stages nothing', async () => {
    await writeFile(path.join(dir, 'content', 'extra.txt'), 'extra\n');
    await drover('snapshot');
    const ended = await drover('push', '--hosts', 'web1', '--dry-run');
    expect(ended.status, ended.stderr).toBe(0);
    expect(ended.stdout).toMatch(/^web1: stage-open .*\nweb1: stage-put .*\nweb1: stage-commit /m);
    const status = parse(await drover('status', '--hosts', 'web1', '--json')) as {apps: {hosts: {staged: string[]}[]}[]};
    expect(status.apps[0]?.hosts[0]?.staged).toHaveLength(1);
  });

  it('run folds what hosts say alike, and tells the odd one apart with exit 8', async () => {
    const ended = await drover('run', '--role', 'web', '--', 'case $HOME in *web3) echo odd; exit 3;; esac; echo alike');
    expect(ended.status).toBe(8);
    expect(ended.stdout).toBe('--- web[1-2,4] (3)\nalike\n--- web3 (1) exit 3\nodd\n');
  });

  it('events are NDJSON on standard output with --events -, numbered without a gap', async () => {
    const ended = await drover('deploy', '--all', '--yes', '--events', '-');
    expect(ended.status, ended.stderr).toBe(0);
    const events = ended.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as {seq: number; kind: string});
    expect(events.map((event) => event.seq)).toEqual(events.map((_, index) => index + 1));
    expect(events.at(-1)?.kind).toBe('run-ended');
  });

  it('rollback goes back once, then has nothing to do; history and report tell of it', async () => {
    expect((await drover('rollback', '--all', '--yes', '--reason', 'a test')).status).toBe(0);
    const again = parse(await drover('rollback', '--all', '--yes', '--json')) as {hosts: {outcome: string}[]};
    expect(again.hosts.map((host) => host.outcome)).toEqual(['unchanged', 'unchanged', 'unchanged', 'unchanged']);
    const history = parse(await drover('history', '--json')) as {runs: {run: string; command: string}[]};
    expect(history.runs.slice(0, 2).map((run) => run.command)).toEqual(['rollback', 'rollback']);
    const html = path.join(dir, 'run.html');
    expect((await drover('report', history.runs[1]?.run ?? '', '--html', html)).status).toBe(0);
    expect(await readFile(html, 'utf8')).toContain('a test');
  });

  it('resume has nothing to resume when every run ended', async () => {
    const ended = await drover('resume', '--yes');
    expect(ended.status).toBe(4);
    expect(ended.stderr).toContain('no host knows of an unfinished run; nothing to resume');
  });

  it('deploy stages a release anew that was altered on the host, and does without a base that was', async () => {
    const releases = path.join(dir, 'hosts', 'web1', 'site', 'releases');
    const alter = async (id: string): Promise<void> => {
      const file = path.join(releases, id, 'sitemap.xml');
      await chmod(file, 0o644);
      await writeFile(file, 'altered\n');
    };
    const live = (await readlink(path.join(dir, 'hosts', 'web1', 'site', 'current'))).replace('releases/', '');
    await writeFile(path.join(dir, 'content', 'extra.txt'), 'other\n');
    const id = (await drover('snapshot')).stdout.trim();
    await drover('push', '--hosts', 'web1');
    await chmod(path.join(releases, id), 0o755);
    await rm(path.join(releases, id, 'sitemap.xml'));
    await alter(live);
    const ended = await drover('deploy', '--hosts', 'web1', '--yes', '--json');
    expect(ended.status, ended.stdout).toBe(0);
    expect(ended.stdout).toContain('is damaged: staging without it');
    expect(await readFile(path.join(releases, id, 'sitemap.xml'), 'utf8')).toContain('<urlset');
    expect((await drover('deploy', '--all', '--yes')).status).toBe(0);
    const back = await drover('rollback', '--all', '--yes');
    expect(back.status, back.stderr).toBe(9);
    expect(back.stderr).toContain('web1');
  });
});
