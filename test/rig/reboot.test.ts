import {randomBytes} from 'node:crypto';
import {mkdir, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {describe, expect, it} from 'vitest';
import {rigAvailable} from './available.js';
import {startRig} from './rig.js';

const program = fileURLToPath(new URL('../../bin/run.js', import.meta.url));
const contentBytes = 6_000_000;

const available = rigAvailable();

describe.skipIf(!available.ok)('B24: a host that reboots in the middle of a push', () => {
  it('is pushed to from the prefix that it has kept', async () => {
    const rig = await startRig({hosts: 1});
    try {
      const project = path.join(rig.dir, 'project');
      await mkdir(path.join(project, 'content'), {recursive: true});
      await writeFile(path.join(project, 'content', 'big'), randomBytes(contentBytes));
      await writeFile(path.join(project, 'inventory.yml'), rig.inventoryYaml());
      await writeFile(
        path.join(project, 'drover.yml'),
        'inventory: inventory.yml\napps:\n  site: {source: ./content, root: /srv/site, hosts: "role:web"}\n',
      );
      const drover = (...words: string[]) => rig.operator.exec([process.execPath, program, ...words], {cwd: project, timeoutMs: 180_000});
      const id = (await drover('snapshot')).stdout.trim();
      const makeRoot = 'install -d -o deploy /srv/site || { mkdir -p /srv/site; chown deploy /srv/site; }';
      await rig.exec('web1', ['/usr/bin/dash', '-c', makeRoot]);
      const bootId = async (): Promise<string> => (await rig.exec('web1', ['cat', '/proc/sys/kernel/random/boot_id'])).stdout;
      const before = await bootId();

      const child = rig.operator.spawn([process.execPath, program, 'push', '--all', '--rate', 'host=1M', '--events', '-'], {cwd: project});
      const told: string[] = [];
      child.stderr?.on('data', (piece: Buffer) => told.push(piece.toString()));
      const ended = new Promise((resolve) => child.once('exit', resolve));
      const sent: number[] = [];
      let rest = '';
      await new Promise<void>((resolve, reject) => {
        child.once('exit', () => reject(new Error(`the push ended before its middle: ${told.join('')}`)));
        child.stdout?.on('data', (piece: Buffer) => {
          const lines = `${rest}${piece.toString()}`.split('\n');
          rest = lines.pop() ?? '';
          for (const line of lines) {
            const found = /"kind":"transfer","host":"web1","sentBytes":(\d+)/.exec(line);
            if (found !== null) sent.push(Number(found[1]));
          }
          if ((sent.at(-1) ?? 0) > contentBytes / 3) resolve();
        });
      });
      await rig.powerOff('web1');
      const early = sent.length;
      await rig.restore('web1');
      await ended;
      expect(await bootId()).not.toBe(before);

      const pushed = await drover('push', '--all', '--json', '--events', path.join(rig.dir, 'events'));
      expect(pushed.status, pushed.stderr).toBe(0);
      const {stdout} = await rig.operator.exec(['cat', path.join(rig.dir, 'events')]);
      const later = [...stdout.matchAll(/"kind":"transfer","host":"web1","sentBytes":(\d+)/g)].map((each) => Number(each[1]));
      const [first] = [...sent.slice(early), ...later];
      expect(first, `${early} ${sent.slice(early)} / ${later}`).toBeGreaterThan(contentBytes / 4);
      expect((await rig.exec('web1', ['ls', '/srv/site/releases'])).stdout).toContain(id);
      expect((await rig.exec('web1', ['/usr/bin/dash', '-c', `sha256sum /srv/site/releases/${id}/big`])).stdout).toMatch(/^[0-9a-f]{64} /);
    } finally {
      await rig.stop();
    }
  });
});
