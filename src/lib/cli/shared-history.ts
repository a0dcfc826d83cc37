import {createHash} from 'node:crypto';
import {readFile, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {gunzipSync, gzipSync} from 'node:zlib';
import {DroverError} from '../errors/drover-error.js';
import {printable} from '../errors/printable.js';
import {makeFolders} from '../events/make-folders.js';
import type {Project} from '../inventory/app.js';
import type {Bucket} from '../snapshot/bucket.js';
import {bodyOf} from '../snapshot/bucket-exchange.js';
import {openBucket} from './open-store.js';

/** No run waits longer than this for its journal to be shared. */
const shareMs = 15_000;
const maxJournalBytes = 256 * 1024 * 1024;

/**
 * Brings the journal of a run that has ended into the bucket of the project, where it has one. Best effort: what fails is said on standard error
 * and fails nothing.
 */
export async function shareRun(
  {store}: Pick<Project, 'store'>,
  {run, journal}: {readonly run: string; readonly journal: string | undefined},
  env: NodeJS.ProcessEnv = process.env,
): Promise<void> {
  if (journal === undefined || typeof store === 'string') return;
  try {
    const body = bodyOf(gzipSync(await readFile(journal)));
    await openBucket(store, env).add(`runs/${run}.${body.digest.slice(0, 16)}.gz`, body, AbortSignal.timeout(shareMs));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    process.stderr.write(`warning: the record of this run stays on this machine: ${printable(why)}\n`);
  }
}

/** Copies the newest journals of the team to a folder of this machine that is laid out as its own; gives the folder. */
export async function fetchRuns({store}: Pick<Project, 'store'>, stateDir: string, limit: number, env: NodeJS.ProcessEnv): Promise<string> {
  if (typeof store === 'string') {
    throw new DroverError({
      code: 'usage',
      message: '--shared needs a bucket, and the store of this project is a directory',
      fix: 'name one in drover.yml, store: s3://bucket/prefix, or leave --shared out',
    });
  }
  const bucket = openBucket(store, env);
  const signal = AbortSignal.timeout(10 * 60_000);
  const folder = path.join(stateDir, 'shared', createHash('sha256').update(bucket.identity).digest('hex').slice(0, 12));
  const names = (await bucket.list('runs/', signal)).filter((name) => /^[0-9a-z-]+\.[0-9a-f]{16}\.gz$/.test(name)).slice(-limit);
  for (const name of names) await fetchRun(bucket, name, folder, signal);
  return folder;
}

async function fetchRun(bucket: Bucket, name: string, folder: string, signal: AbortSignal): Promise<void> {
  const [run = '', digest] = name.split('.');
  const file = path.join(folder, 'runs', run, 'events.ndjson');
  if ((await readFile(file).catch(() => undefined)) !== undefined) return;
  const packed = await bucket.get(`runs/${name}`, signal);
  if (packed === undefined) return;
  if (createHash('sha256').update(packed).digest('hex').slice(0, 16) !== digest) {
    throw new DroverError({
      code: 'integrity',
      message: `${bucket.where}/runs/${name} was altered: its digest does not match its name`,
      fix: 'delete it from the bucket',
    });
  }
  await makeFolders(path.dirname(file));
  await writeFile(file, gunzipSync(packed, {maxOutputLength: maxJournalBytes}), {mode: 0o600});
}
