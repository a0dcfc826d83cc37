import {appendFile, mkdir, readFile, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {rigAvailable} from './available.js';
import type {Finished} from './finished.js';
import {type Rig, startRig} from './rig.js';

const program = fileURLToPath(new URL('../../bin/run.js', import.meta.url));
const available = rigAvailable();

describe.skipIf(!available.ok)('a reviewed plan on real hosts', () => {
  let rig: Rig;
  let project: string;
  /** The machine of a second person. */
  let bobsHome: string;

  beforeAll(async () => {
    rig = await startRig({
      hosts: 4,
      perHost: {web2: {shell: 'tcsh', rcNoise: true}, web3: {shell: 'sh', userland: 'busybox'}, web4: {shell: 'fish'}},
    });
    project = path.join(rig.dir, 'project');
    bobsHome = await rig.operator.newHome();
    await mkdir(path.join(project, 'content'), {recursive: true});
    await writeFile(
      path.join(project, 'drover.yml'),
      'apps:\n  site: {source: ./content, root: /srv/site, hosts: "role:web"}\nreview: {allowed_signers: signers, approvals: 1}\n',
    );
    await writeFile(path.join(project, 'inventory.yml'), rig.inventoryYaml());
    for (const who of ['ana', 'bob']) {
      const made = await rig.operator.exec(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', who, '-f', path.join(project, who)]);
      expect(made.status, made.stderr).toBe(0);
      const [type, key] = (await readFile(path.join(project, `${who}.pub`), 'utf8')).split(' ');
      await appendFile(path.join(project, 'signers'), `${who}@example.com ${type} ${key}\n`);
    }
  });
  afterAll(async () => {
    await rig?.stop();
  });

  const drover = (words: readonly string[], home?: string): Promise<Finished> =>
    rig.operator.exec([process.execPath, program, ...words], {cwd: project, timeoutMs: 300_000, ...(home === undefined ? {} : {home})});
  const succeed = async (words: readonly string[], home?: string): Promise<Finished> => {
    const ended = await drover(words, home);
    expect(ended.status, `${ended.stderr}\n${ended.stdout}`).toBe(0);
    return ended;
  };
  const live = async (): Promise<readonly string[]> =>
    Promise.all(
      rig.hosts.map(async ({name}) => (await rig.exec(name, ['/bin/sh', '-c', 'readlink /srv/site/current || echo none'])).stdout.trim()),
    );

  it('goes from its author to another one who approves it, and from there to the hosts, once', async () => {
    await writeFile(path.join(project, 'content', 'name'), 'one');
    const id = (await succeed(['snapshot', 'site'])).stdout.trim();
    const bare = await drover(['deploy', '--all', '--yes']);
    expect([bare.status, bare.stderr]).toEqual([
      4,
      expect.stringContaining('wants 1 approval; type: drover deploy --all --plan-out plan.json'),
    ]);
    await succeed(['deploy', '--all', '--plan-out', 'plan.json', '--key', 'ana']);
    expect(await live()).toEqual(['none', 'none', 'none', 'none']);
    const file = JSON.parse(await readFile(path.join(project, 'plan.json'), 'utf8')) as {expected: Record<string, {keys: string[]}>};
    expect(Object.values(file.expected).map(({keys}) => keys)).toEqual(Array.from({length: 4}, () => [expect.stringMatching(/^SHA256:/)]));
    expect((await drover(['deploy', '--plan', 'plan.json'])).status).toBe(4);
    await succeed(['approve', 'plan.json', '--yes', '--key', 'bob'], bobsHome);
    // Carried out by the other one, from the other machine.
    await succeed(['deploy', '--plan', 'plan.json'], bobsHome);
    expect(new Set(await live())).toEqual(new Set([`releases/${id}`]));
    const again = await drover(['deploy', '--plan', 'plan.json']);
    expect([again.status, again.stderr]).toEqual([4, expect.stringMatching(/the plan was applied at .* by .* \(run /)]);
  });
});
