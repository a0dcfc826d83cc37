import {describe, expect, it} from 'vitest';
import {loadInventory} from '../../src/lib/inventory/inventory-file.js';
import {loadProject} from '../../src/lib/inventory/project-file.js';
import {refuseTwofold} from '../../src/lib/inventory/twofold-hosts.js';
import {useTempFolder} from './temp-folder.js';

const folder = useTempFolder();
const {signal} = new AbortController();

describe('a host with two roles, one of which pauses its work,', () => {
  const judge = async (roles: string, app: string): Promise<string[]> => {
    const inventory = `hosts:\n  box[1-2]: {silo: eu, role: [${roles}]}\n  web1: {silo: eu, role: [web, big]}\n`;
    const hosts = await loadInventory(await folder.write('inventory.yml', inventory), {signal, home: '/'});
    const file = await folder.write('both.yml', `apps:\n  shop:\n    source: ./public\n    root: /srv/shop\n    hosts: all\n${app}`);
    return folder.linesOf(refuseTwofold(await loadProject(file, {signal}), hosts, file, signal));
  };
  const worker = 'worker: {pause: p, until: u, resume: r, wait: 1m}';
  const drain = '    drain: {file: /run/ready, wait: 1s}\n';

  it.each([
    ['whose other role has an ending', 'web, worker', `${drain}    endings: {web: {wait: 2s}, ${worker}}\n`, 'web', '7:32'],
    ['whose other role is that of hosts that are drained', 'worker, big', `${drain}    endings: {${worker}}\n`, 'big', '7:15'],
  ])('is refused: %s', async (_, roles, app, other, place) => {
    expect(await judge(roles, app)).toEqual([
      expect.stringContaining(`box[1-2] would be paused as "worker" and end otherwise as "${other}" (both.yml:${place}); give each host`),
    ]);
  });

  it('is taken where the other role ends nothing', async () => {
    expect(await judge('worker, gpu', `${drain}    endings: {web: {wait: 2s}, ${worker}}\n`)).toEqual(['accepted: undefined']);
    expect(await judge('worker, big', `    endings: {${worker}}\n`)).toEqual(['accepted: undefined']);
  });
});
