import {spawnSync} from 'node:child_process';
import {existsSync, readdirSync} from 'node:fs';
import {chmod, mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {operatorAddress} from './fleet.js';
import type {Rig} from './rig.js';

const versions = '/usr/lib/postgresql';

/** Where Debian puts the programs of its PostgreSQL; undefined where it is not installed. */
function findPrograms(): string | undefined {
  const [version] = existsSync(versions) ? readdirSync(versions).sort((one, other) => Number(other) - Number(one)) : [];
  const folder = path.join(versions, version ?? '', 'bin');
  return version !== undefined && existsSync(path.join(folder, 'initdb')) ? folder : undefined;
}

/** A real PostgreSQL on the operator's address of a rig, which every host reaches and nobody outside. */
export interface Postgres {
  /** For shell text on a host: psql with everything it needs but the query. */
  readonly psql: string;
  /** Runs one statement; gives its rows, one a line, columns by `|`. Throws what the server said. */
  query(sql: string): Promise<string>;
  /** Resolves once a query gives these rows; rejects after a minute. */
  until(sql: string, rows: string): Promise<void>;
  stop(): Promise<void>;
}

/** Makes a database cluster as the user `postgres` and starts it. It dies with this process. */
export async function startPostgres(rig: Rig): Promise<Postgres> {
  const programs = findPrograms();
  if (programs === undefined) throw new Error(`there is no PostgreSQL below ${versions}; run: node scripts/rig-packages.mjs`);
  const dir = await mkdtemp(path.join(tmpdir(), 'drover-postgres-'));
  await chmod(dir, 0o755);
  const data = path.join(dir, 'data');
  const asPostgres = ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups', '--pdeathsig', 'QUIT'];
  spawnSync('chown', ['postgres:postgres', dir]);
  const made = spawnSync('setpriv', [...asPostgres.slice(1), `${programs}/initdb`, '-D', data, '-A', 'trust', '--no-sync'], {
    encoding: 'utf8',
  });
  if (made.status !== 0) throw new Error(`initdb: ${made.stderr}${made.stdout}`);
  await writeFile(path.join(data, 'pg_hba.conf'), 'host all all 10.77.0.0/16 trust\n');
  const settings = ['-c', `listen_addresses=${operatorAddress}`, '-c', 'fsync=off', '-k', dir];
  const server = rig.operator.spawn([...asPostgres, `${programs}/postgres`, '-D', data, ...settings], {stdio: 'ignore', cwd: dir});
  const ended = new Promise<void>((resolve) => server.once('close', () => resolve()));
  const psql = `${programs}/psql -h ${operatorAddress} -U postgres -X -q -A -t -v ON_ERROR_STOP=1 postgres`;
  const query: Postgres['query'] = async (sql) => {
    const {status, stdout, stderr} = await rig.operator.exec(['sh', '-c', `exec ${psql} -f -`], {input: sql});
    if (status !== 0) throw new Error(`${sql}: ${stderr}`);
    return stdout.trim();
  };
  const until: Postgres['until'] = async (sql, rows) => {
    let found = '';
    for (let tries = 0; tries < 600; tries++) {
      found = await query(sql).catch((error: unknown) => String(error));
      if (found === rows) return;
      await sleep(100);
    }
    throw new Error(`${sql} gives ${found}, not ${rows}`);
  };
  const stop = async (): Promise<void> => {
    server.kill('SIGQUIT');
    await ended;
    await rm(dir, {recursive: true, force: true});
  };
  try {
    await until('select 1', '1');
  } catch (error) {
    await stop();
    throw error;
  }
  return {psql, query, until, stop};
}
