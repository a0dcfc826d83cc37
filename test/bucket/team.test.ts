import {mkdir, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {runChild} from '../../src/lib/host/child-exec.js';
import {rigAvailable} from '../rig/available.js';
import {never} from '../snapshot/fixture.js';
import {makeBucket} from './bucket-machine.js';
import {type ObjectStore, ownerKeys, startObjectStore} from './object-store.js';

const available = rigAvailable();
const program = path.resolve(import.meta.dirname, '../../bin/run.js');

describe.skipIf(!available.ok)(`a team with a bucket${available.ok ? '' : ` (${available.why})`}`, () => {
  let service: ObjectStore;
  let folder: string;
  beforeAll(async () => {
    service = await startObjectStore();
    await makeBucket(service, 'team');
    folder = await mkdtemp(path.join(tmpdir(), 'drover-team-'));
    for (const name of ['ana', 'ben']) {
      const home = path.join(folder, name);
      await mkdir(path.join(home, 'public'), {recursive: true});
      await writeFile(path.join(home, 'inventory.yml'), 'hosts: {one: {silo: a, role: web, link: local}}\n');
      const app = `{source: ./public, root: ${folder}/host, hosts: all, push: {via: store}}`;
      await writeFile(path.join(home, 'drover.yml'), `apps: {shop: ${app}}\nstore: s3://team/shop\n`);
    }
  });
  afterAll(async () => {
    await service?.stop();
    await rm(folder, {recursive: true, force: true});
  });

  /** One command of one operator, who has a home of their own. */
  async function drover(
    operator: string,
    words: readonly string[],
    more: NodeJS.ProcessEnv = {},
  ): Promise<{status: number; out: string; err: string}> {
    const home = path.join(folder, operator);
    const keys = {AWS_ACCESS_KEY_ID: ownerKeys.accessKeyId, AWS_SECRET_ACCESS_KEY: ownerKeys.secretAccessKey};
    const env = {PATH: process.env.PATH ?? '', HOME: home, NO_COLOR: '1', AWS_ENDPOINT_URL: service.endpoint, ...keys, ...more};
    const options = {stdin: Buffer.alloc(0), idleTimeoutMs: 60_000, totalTimeoutMs: 120_000, maxOutputBytes: 1_000_000, signal: never};
    const command = {...options, command: '', label: 'drover'};
    const ended = await runChild(command, [process.execPath, program, ...words], {env, cwd: home});
    const status = ended.exit.kind === 'exited' ? ended.exit.status : -1;
    return {status, out: ended.stdout.toString(), err: ended.stderr.toString()};
  }

  it('lets a second operator list, push, deploy and roll back what the first has taken, and see what the first has done', async () => {
    await writeFile(path.join(folder, 'ana/public/index.html'), 'one');
    const first = (await drover('ana', ['snapshot'])).out.trim();
    expect((await drover('ana', ['deploy', 'shop', first, '--all', '--yes', '--trust-inventory'])).status).toBe(0);
    await writeFile(path.join(folder, 'ana/public/index.html'), 'two');
    const second = (await drover('ana', ['snapshot'])).out.trim();
    expect((await drover('ben', ['snapshot', 'list', '--json'])).out).toContain(second);
    expect(await drover('ben', ['deploy', 'shop', 'latest', '--all', '--yes', '--trust-inventory'])).toMatchObject({status: 0});
    expect(await readFile(path.join(folder, 'host/current/index.html'), 'utf8')).toBe('two');
    expect(await drover('ben', ['rollback', 'shop', '--all', '--yes'])).toMatchObject({status: 0});
    expect(await readFile(path.join(folder, 'host/current/index.html'), 'utf8')).toBe('one');
    const shared = JSON.parse((await drover('ana', ['history', '--shared', '--json'])).out) as {runs: {command: string; outcome: string}[]};
    expect(shared.runs.map(({command, outcome}) => `${command} ${outcome}`)).toEqual([
      'rollback converged',
      'deploy converged',
      'deploy converged',
    ]);
  }, 300_000);

  it('T28 T41 shows the secret key to nobody, whatever goes wrong', async () => {
    const secret = 'S3CRET-0a1b2c3d';
    const said: string[] = [];
    for (const words of [
      ['snapshot', '--allow-empty'],
      ['snapshot', 'list'],
      ['push', 'shop', '--all'],
      ['snapshot', 'verify', '--debug'],
      ['history', '--shared'],
    ]) {
      const {status, out, err} = await drover('ben', words, {AWS_SECRET_ACCESS_KEY: secret});
      expect(`${words.join(' ')} ${status} ${err}`).toMatch(
        / 6 .*error\[authentication\]: s3:\/\/team\/shop: SignatureDoesNotMatch; check AWS/s,
      );
      said.push(out, err);
    }
    expect(said.join('')).not.toContain(secret);
    const {stdout} = await runChild(
      {
        command: '',
        label: 'grep',
        stdin: Buffer.alloc(0),
        idleTimeoutMs: 60_000,
        totalTimeoutMs: 60_000,
        maxOutputBytes: 100_000,
        signal: never,
      },
      ['grep', '-rlE', `${secret}|X-Amz-Signature|${ownerKeys.secretAccessKey.replace('+', '.')}`, folder],
      {env: process.env},
    );
    expect(stdout.toString()).toBe('');
  }, 300_000);

  it('names what is missing before anything is asked: credentials, or a bucket', async () => {
    const none = {AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: ''};
    expect(await drover('ben', ['snapshot', 'list'], none)).toMatchObject({
      status: 6,
      err: expect.stringContaining('there are no credentials for the bucket') as string,
    });
    expect((await drover('ben', ['snapshot', 'list'], {AWS_ENDPOINT_URL: 'nonsense'})).status).toBe(2);
  }, 300_000);
});
