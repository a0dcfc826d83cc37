import {mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {runDrover} from './drover.js';

const inventory = 'hosts:\n  web[1-4].eu: {silo: eu, role: web}\n  web[1-3].us: {silo: us, role: web}\n';
const project = `apps:
  lang:
    source: ./content
    root: /srv/lang
    hosts: role:web
    partitions: {by: path, rules: [{paths: [de/**, fr/**], hosts: silo:eu}, {paths: [drafts/**], hosts: none}, {paths: ["**"], hosts: role:web}]}
  shop:
    source: ./content
    root: /srv/shop
    hosts: role:web
    partitions: {by: hash, count: 8, copies: 2}
  many: {source: ./content, root: /srv/many, hosts: role:web, partitions: {by: hash, copies: 4}}
  gaps:
    source: ./content
    root: /srv/gaps
    hosts: role:web
    partitions: {by: path, rules: [{paths: [de/**], hosts: silo:eu}]}
  whole: {source: ./content, root: /srv/whole, hosts: role:web}
`;

describe('drover hosts --partitions', () => {
  let dir: string;
  const drover = (...words: string[]) => runDrover(words, {cwd: dir});

  beforeAll(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'drover-partitions-'));
    await writeFile(path.join(dir, 'inventory.yml'), inventory);
    await writeFile(path.join(dir, 'drover.yml'), project);
    for (const [name, text] of Object.entries({'de/a': 'ab', 'fr/b': 'abc', 'drafts/c': 'x', 'index.html': 'hello'})) {
      await mkdir(path.join(dir, 'content', path.dirname(name)), {recursive: true});
      await writeFile(path.join(dir, 'content', name), text);
    }
  });
  afterAll(() => rm(dir, {recursive: true, force: true}));

  it('shows who would hold what before there is a snapshot, then with files and bytes', async () => {
    expect((await drover('hosts', 'lang', '--partitions')).stdout).toContain('web[1-4].eu\teu\t2/3\tde/**,fr/** **\t-\t-\t-\n');
    expect((await drover('snapshot', 'lang')).status).toBe(0);
    const {status, stdout} = await drover('hosts', 'lang', '--partitions');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^web\[1-4\]\.eu\teu\t2\/3\tde\/\*\*,fr\/\*\* \*\*\t[0-9a-f]{12}\t3\t10 B$/m);
    expect(stdout).toMatch(/^web\[1-3\]\.us\tus\t1\/3\t\*\*\t[0-9a-f]{12}\t1\t5 B$/m);
    expect(stdout).toMatch(/^lang: snapshot [0-9a-f]{12}$/m);
  });

  it('folds to one line for each set of holders', async () => {
    expect((await drover('hosts', 'lang', '--partitions', '--fold')).stdout).toBe(
      'web[1-4].eu  de/**,fr/**\nnone  drafts/**\nweb[1-4].eu,web[1-3].us  **\n',
    );
  });

  it('gives one object, in which every partition has its copies in each silo', async () => {
    const {stdout} = await drover('hosts', 'shop', '--partitions', '--json');
    const list = JSON.parse(stdout) as {partitions: {name: string; hosts: string[]}[]; hosts: {name: string; partitions: string[]}[]};
    expect(list.partitions.map(({name}) => name)).toEqual(['0', '1', '2', '3', '4', '5', '6', '7']);
    for (const {name, hosts} of list.partitions) {
      expect(hosts.map((host) => host.split('.')[1])).toEqual(['eu', 'eu', 'us', 'us']);
      expect(list.hosts.filter((host) => host.partitions.includes(name)).map((host) => host.name)).toEqual(hosts);
    }
  });

  it.each([
    ['many', 3, 'error[invalid-file]: apps.many.partitions.copies is 4, more than the 3 hosts of silo "us"; lower it or add hosts\n'],
    ['whole', 4, 'error[refused]: app "whole" has no partitions: each of its hosts holds all of it; add partitions: to apps.whole\n'],
  ])('refuses %s', async (app, status, stderr) => {
    expect(await drover('hosts', app, '--partitions')).toEqual({status, stdout: '', stderr});
  });

  it('refuses a path that no rule assigns, by its name', async () => {
    expect((await drover('snapshot', 'gaps')).status).toBe(0);
    expect(await drover('hosts', 'gaps', '--partitions')).toEqual({
      status: 4,
      stdout: '',
      stderr:
        'error[refused]: no rule of apps.gaps.partitions assigns "drafts/c" to hosts; add a rule for it, or {paths: ["**"], hosts: none} as the last one\n',
    });
  });

  it('refuses an app without --partitions', async () => {
    expect((await drover('hosts', 'shop')).stderr).toBe('error[usage]: unexpected argument "shop"; add --partitions, or leave it out\n');
  });
});
