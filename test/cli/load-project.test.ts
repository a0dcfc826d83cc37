import {writeFile} from 'node:fs/promises';
import path from 'node:path';
import {expect, it} from 'vitest';
import {loadBoth} from '../../src/lib/cli/load-project.js';
import {never, withFolder} from '../snapshot/fixture.js';

it("loadBoth() takes the inventory of --inventory instead of the project's own, wherever it lies", async () => {
  await withFolder(async (folder) => {
    await writeFile(path.join(folder, 'drover.yml'), 'inventory: own.yml\napps: {site: {source: ., root: /srv/site, hosts: all}}\n');
    await writeFile(path.join(folder, 'own.yml'), 'hosts: {web1: {}}\n');
    await writeFile(path.join(folder, 'other.yml'), 'hosts: {web2: {}}\n');
    const load = async (more: {inventory?: string}): Promise<string[]> => {
      const flags = {config: path.join(folder, 'drover.yml'), 'trust-inventory': false, ...more};
      const {inventory} = await loadBoth(flags, {HOME: folder}, never);
      return inventory.hosts.map(({name}) => name);
    };
    expect(await load({})).toEqual(['web1']);
    expect(await load({inventory: path.join(folder, 'other.yml')})).toEqual(['web2']);
  });
});
