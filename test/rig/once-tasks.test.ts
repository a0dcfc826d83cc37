import type {ChildProcess} from 'node:child_process';
import {cp, mkdir, rm, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {rigAvailable} from './available.js';
import {collect, type Finished} from './finished.js';
import {type Postgres, startPostgres} from './postgres.js';
import {type Rig, startRig} from './rig.js';

const program = fileURLToPath(new URL('../../bin/run.js', import.meta.url));
const web = ['web1', 'web2', 'web3', 'web4'];

interface RunJson {
  readonly run: string;
  readonly outcome: string;
  readonly next: string | null;
  readonly tasks: readonly {
    readonly task: string;
    readonly host: string | null;
    readonly outcome: string;
    readonly output: string | null;
  }[];
}

const available = rigAvailable();

describe.skipIf(!available.ok)('once tasks against a real PostgreSQL', () => {
  let rig: Rig;
  let db: Postgres;
  let project: string;

  const start = (words: readonly string[], home?: string, cwd = project): ChildProcess =>
    rig.operator.spawn([process.execPath, program, ...words], {cwd, ...(home === undefined ? {} : {home})});
  const drover = async (words: readonly string[]): Promise<Finished> => collect(start(words), {timeoutMs: 180_000});
  const run = async (words: readonly string[], expected: number): Promise<RunJson> => {
    const ended = await drover([...words, '--json']);
    expect(ended.status, `drover ${words.join(' ')}\n${ended.stderr}\n${ended.stdout}`).toBe(expected);
    return JSON.parse(ended.stdout) as RunJson;
  };
  const resumeCommand = (next: string | null): string[] => {
    expect(next).toMatch(/^drover resume [0-9a-z-]+$/);
    return [...(next ?? '').split(' ').slice(1), '--yes'];
  };
  /** Writes the next release: its query, and what its migration does; gives its snapshot. */
  const release = async (query: string, tasks: {readonly expand?: string; readonly contract?: string}): Promise<string> => {
    const begin = (task: string): string => `${db.psql} -c "insert into runs values ('$DROVER_RUN', '${task}')"`;
    const sql = (text: string): string => `${db.psql} <<'SQL'\n${text}\nSQL`;
    const gate = (task: string): string =>
      `until [ "$(${db.psql} -c "select 1 from gate where task = '${task}'")" = 1 ]; do sleep 0.1; done`;
    const lines = (task: 'expand' | 'contract'): string => {
      const text = tasks[task];
      return text === undefined ? 'exit 0' : [begin(task), gate(task), text.startsWith('sh:') ? text.slice(3) : sql(text)].join('\n');
    };
    await writeFile(path.join(project, 'code', 'query.sql'), `${query};\n`);
    await writeFile(
      path.join(project, 'code', 'migrate'),
      `set -eu\ncase $1 in\nexpand)\n${lines('expand')}\n;;\ncontract)\n${lines('contract')}\n;;\nesac\n`,
    );
    const ended = await drover(['snapshot', '--size-changed']);
    expect(ended.status, ended.stderr).toBe(0);
    return ended.stdout.trim();
  };
  const open = (...tasks: string[]): Promise<unknown> => Promise.all(tasks.map((task) => db.query(`insert into gate values ('${task}')`)));
  const close = (): Promise<string> => db.query('delete from gate');
  const counts = (id: string): Promise<string> =>
    db.query(`select task, count(*) from runs where run = '${id}' group by task order by task desc`);
  const live = (): Promise<string[]> =>
    Promise.all(web.map(async (host) => (await rig.exec(host, ['readlink', '/srv/shop/current'])).stdout.trim().replace('releases/', '')));
  /** Whether the code of each host works against the database as it is. */
  const serve = async (): Promise<void> => {
    for (const host of web) {
      const ended = await rig.exec(host, ['sh', '-c', `${db.psql} -f /srv/shop/current/query.sql`]);
      expect(ended, host).toMatchObject({status: 0, stdout: 'Ada Lovelace\n'});
    }
  };
  /** `kill -9` of a controller whose task is under way; gives its run. */
  const killDuring = async (child: ChildProcess, task: string, runs: string): Promise<string> => {
    child.stdout?.resume();
    child.stderr?.resume();
    const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
    await db.until(`select count(*) from runs where task = '${task}' and ${runs}`, '1');
    child.kill('SIGKILL');
    await gone;
    return newestRun();
  };
  const newestRun = (): Promise<string> => db.query('select max(run) from runs');
  /** Deploys everywhere, and ends as `killDuring` says in the middle of expand. */
  const killDeploy = async (): Promise<string> => {
    const older = await newestRun();
    return killDuring(start(['deploy', '--all', '--yes']), 'expand', `run > '${older}'`);
  };
  /** Kills what has the word in its command line, on the host that the tasks run on. */
  const killInside = async (word: string): Promise<void> => {
    const script = `for each in /proc/[0-9]*; do [ $each != /proc/$$ ] && grep -q ${word} $each/cmdline 2>/dev/null && kill -9 $(basename $each); done; true`;
    await rig.exec('web1', ['sh', '-c', script]);
  };
  /** The run goes on at another machine of an operator; its task ends only once it is waited for there. */
  const resumeElsewhere = async (id: string, ...tasks: string[]): Promise<ChildProcess> => {
    const home = await rig.operator.newHome();
    const elsewhere = path.join(home, 'project');
    await cp(project, elsewhere, {recursive: true});
    await rm(path.join(elsewhere, '.drover'), {recursive: true, force: true});
    const child = start(['resume', id, '--yes', '--events', '-'], home, elsewhere);
    let text = '';
    await new Promise<void>((resolve, reject) => {
      child.stdout?.on('data', (piece: Buffer) => {
        text += piece.toString();
        if (text.includes('"kind":"step-started"') && text.includes('"step":"once"')) resolve();
      });
      child.once('close', () => reject(new Error(`the resume ended before it waited: ${text.slice(-3000)}`)));
    });
    await open(...tasks);
    return child;
  };

  beforeAll(async () => {
    rig = await startRig({hosts: 4});
    db = await startPostgres(rig);
    for (const host of web) await rig.exec(host, ['sh', '-c', 'mkdir /srv/shop && chown deploy /srv/shop']);
    await db.query('create table runs (run text, task text); create table gate (task text); create table people (name text)');
    await db.query("insert into people values ('Ada Lovelace')");
    project = path.join(rig.dir, 'project');
    await mkdir(path.join(project, 'code'), {recursive: true});
    await writeFile(
      path.join(project, 'drover.yml'),
      `apps:
  shop:
    source: ./code
    root: /srv/shop
    hosts: role:web
    once: {before: sh ./migrate expand, after: sh ./migrate contract, deadline: 2m}
    roll: {waves: [1, 100%], floor: 0, confirm: 2m}
`,
    );
    await writeFile(path.join(project, 'inventory.yml'), rig.inventoryYaml());
    await release('select name from people', {});
    await run(['deploy', '--all', '--yes'], 0);
    await serve();
  });
  afterAll(async () => {
    await db?.stop();
    await rig?.stop();
  });

  it('A1 I3: a controller killed -9 during expand and again during contract: each ran once, and every version of the code works meanwhile', async () => {
    const before = await live();
    const id = await release('select full_name from people', {
      expand: 'alter table people add column full_name text; update people set full_name = name;',
      contract: 'alter table people drop column name;',
    });
    const killed = await killDeploy();
    expect(await live()).toEqual(before);
    await serve();
    const second = await resumeElsewhere(killed, 'expand');
    expect(await killDuring(second, 'contract', `run = '${killed}'`)).toBe(killed);
    expect(await live()).toEqual(web.map(() => id));
    await serve();
    const third = await collect(await resumeElsewhere(killed, 'contract'), {timeoutMs: 120_000});
    expect(third.status, third.stderr).toBe(0);
    expect(await counts(killed)).toBe('expand|1\ncontract|1');
    await serve();
    await expect(db.query('select name from people')).rejects.toThrow('column "name" does not exist');
    expect((await drover(['resume', killed, '--yes'])).status).toBe(4);
  });

  it('I8: a rollback past a contract that has run is refused with the reason, on any selection of hosts', async () => {
    const before = await live();
    for (const words of [['--all'], ['--hosts', 'web3']]) {
      const refused = await drover(['rollback', ...words, '--yes']);
      expect(refused.status, refused.stderr).toBe(4);
      expect(refused.stderr).toMatch(/served before the contract \(once\.after\) of run [0-9a-z-]+; what it needs may be gone/);
    }
    expect((await drover(['rollback', '--all', '--yes', '--past-contract'])).stderr).toContain('--past-contract wants a reason');
    expect(await live()).toEqual(before);
  });

  it('ends 7 with nothing changed when expand fails, and shows what it said', async () => {
    const before = await live();
    await close();
    await open('expand');
    await release('select 1', {expand: 'sh:echo "lock \x1b[31mtimeout"; exit 3'});
    const failed = await drover(['deploy', '--all', '--yes']);
    expect(failed.status, failed.stderr).toBe(7);
    expect(failed.stderr).toContain('once.before failed on web1  ended with status 3  it said: lock \\x1b[31mtimeout');
    expect(await live()).toEqual(before);
    await serve();
    expect((await drover(['resume', '--yes'])).status).toBe(4);
  });

  it('holds contract while a host that was not selected runs the older release, and runs it once for the release in the end', async () => {
    await close();
    await open('expand', 'contract');
    await release('select full_name from people', {expand: 'select 1;', contract: 'create table contracted (at text);'});
    const first = await run(['deploy', '--silo', 'eu', '--yes'], 0);
    expect(first.tasks).toMatchObject([
      {task: 'before', outcome: 'done'},
      {task: 'after', outcome: 'held'},
    ]);
    expect(await run(resumeCommand(first.next), 0)).toMatchObject({tasks: [{task: 'after', outcome: 'held'}], next: first.next});
    const other = await run(['deploy', '--silo', 'us', '--yes'], 0);
    expect(other.tasks.map(({outcome}) => outcome)).toEqual(['done', 'done']);
    expect(await run(resumeCommand(first.next), 0)).toMatchObject({tasks: [], next: null});
    expect(await counts(first.run)).toBe('expand|1');
    expect(await counts(other.run)).toBe('expand|1\ncontract|1');
  });

  it('asks, with both commands, when the keeper of a task died in the middle, and never runs it twice by itself', async () => {
    await close();
    const id = await release('select full_name from people', {expand: 'create table expanded (at text);'});
    const before = await live();
    const killed = await killDeploy();
    await killInside('keeper.sh');
    await open('expand');
    for (let tries = 0; tries < 2; tries++) {
      const asked = await drover(['resume', killed, '--yes']);
      expect(asked.status, asked.stderr).toBe(8);
      expect(asked.stderr).toContain(`drover resume ${killed} --once-done before`);
      expect(asked.stderr).toContain(`drover resume ${killed} --once-again before`);
    }
    expect(await live()).toEqual(before);
    const done = await drover(['resume', killed, '--yes', '--once-done', 'before']);
    expect(done.status, done.stderr).toBe(0);
    expect(await counts(killed)).toBe('expand|1');
    expect(await live()).toEqual(web.map(() => id));
  });

  it('begins a task anew when the operator says so', async () => {
    await close();
    const id = await release('select full_name from people -- anew', {expand: 'create table anew (at text);'});
    const killed = await killDeploy();
    await killInside('once-before');
    await killInside('migrate');
    await open('expand');
    const done = await drover(['resume', killed, '--yes', '--once-again', 'before']);
    expect(done.status, done.stderr).toBe(0);
    expect(await counts(killed)).toBe('expand|2');
    expect(await live()).toEqual(web.map(() => id));
  });
});
