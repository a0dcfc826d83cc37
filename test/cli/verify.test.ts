import fs from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {type Ended, runDrover} from './drover.js';

describe('drover snapshot verify', {timeout: 300_000}, () => {
  let dir: string;
  const drover = (...words: string[]): Promise<Ended> => runDrover(words, {cwd: dir});
  const spoil = (): void => {
    const packs = path.join(dir, 'store', 'packs');
    const pack = path.join(packs, fs.readdirSync(packs).find((name) => name.endsWith('.pack')) ?? '');
    fs.chmodSync(pack, 0o644);
    fs.writeFileSync(pack, 'x'.repeat(fs.statSync(pack).size));
  };

  beforeEach(async () => {
    dir = fs.mkdtempSync(path.join(tmpdir(), 'dv-'));
    fs.mkdirSync(path.join(dir, 'site'));
    fs.writeFileSync(path.join(dir, 'site', 'index.html'), 'a page');
    fs.writeFileSync(path.join(dir, 'inventory.yml'), 'hosts:\n  web1: {silo: one, role: web}\n');
    fs.writeFileSync(
      path.join(dir, 'drover.yml'),
      'inventory: inventory.yml\nstore: store\napps:\n  site: {source: ./site, root: /srv/site, hosts: "role:web"}\n',
    );
    expect((await drover('snapshot')).status).toBe(0);
    spoil();
  });

  afterEach(() => fs.rmSync(dir, {recursive: true, force: true}));

  it('names what is damaged and ends with 9; --repair brings it back from the source and ends with 0', async () => {
    const damaged = await drover('snapshot', 'verify');
    expect(damaged.status).toBe(9);
    expect(damaged.stdout).toMatch(/^[0-9a-f]{16} altered: index\.html\n1 objects .* drover snapshot verify --repair\n$/);
    const repaired = await drover('snapshot', 'verify', '--repair');
    expect(repaired.stdout).toMatch(/^repaired [0-9a-f]{16} missing: index\.html\n1 repaired\n$/);
    expect(repaired.status).toBe(0);
    expect((await drover('snapshot', 'verify')).stdout).toBe('the store is whole\n');
  });

  it('--repair ends with 9 while the bytes are nowhere, and with 0 once --source holds them', async () => {
    fs.writeFileSync(path.join(dir, 'site', 'index.html'), 'another page');
    const lost = await drover('snapshot', 'verify', '--repair', '--json');
    expect(lost.status).toBe(9);
    expect(JSON.parse(lost.stdout)).toMatchObject({ok: false, repaired: [], lost: [{why: 'altered', paths: ['index.html']}]});
    fs.mkdirSync(path.join(dir, 'backup'));
    fs.writeFileSync(path.join(dir, 'backup', 'old'), 'a page');
    expect((await drover('snapshot', 'verify', '--repair', '--source', 'backup')).status).toBe(0);
    expect((await drover('snapshot', 'verify', '--repair', '--source', 'nowhere')).status).toBe(3);
    expect((await drover('snapshot', 'verify', '--source', 'backup')).status).toBe(2);
  });
});
