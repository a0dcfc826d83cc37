import {mkdir, readdir, readFile, rm, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import type {SnapshotId} from '../../src/lib/snapshot/manifest.js';
import {linkWith, type Shell, Site, shells} from './verb-site.js';

describe.each(shells.filter(({name, uid}) => name !== 'bash' && uid === undefined))(
  'an owner that freezes in the middle of a verb under $name',
  (shell: Shell) => {
    let site: Site;
    let a: SnapshotId;
    let b: SnapshotId;
    let folder: string;
    /** Verbs over this link stop ahead of the critical section, as long as `hold` is there. */
    let frozen: Site['app'];

    beforeEach(async () => {
      site = await Site.make(shell);
      a = await site.stage({name: 'a'});
      b = await site.stage({name: 'b'});
      folder = path.join(site.folder, 'ice');
      await mkdir(folder);
      await writeFile(path.join(folder, 'hold'), '');
      const flock = `#!/bin/sh\nPATH=\${PATH#*:}\n: >"${folder}/frozen-$$"\nwhile [ -e "${folder}/hold" ]; do sleep 0.05; done\nexec flock "$@"\n`;
      await writeFile(path.join(folder, 'flock'), flock, {mode: 0o755});
      frozen = site.appOver(linkWith({...shell, env: {...shell.env, PATH: `${folder}:${shell.env.PATH}`}}));
    });
    afterEach(() => site.remove());

    it('F4: changes nothing when it thaws after another run took over and was done', async () => {
      const old = await site.lease('run-1', undefined, a, {ttl: 0});
      const late = [
        frozen.switchTo(old, {from: undefined, to: a, confirmSeconds: 0, restart: `touch ${site.at('planted')}`}),
        frozen.runHook({command: 'touch planted', seconds: 5, cwd: site.root, fence: old}),
        frozen.note(old, 'draining', ''),
        frozen.confirm(old, a),
        frozen.revert(old),
        frozen.renew(old, 60),
        frozen.release(old, 'converged'),
      ].map((change) =>
        change.then(
          () => 'done',
          (error: {failure?: string}) => error.failure ?? String(error),
        ),
      );
      while ((await readdir(folder)).filter((name) => name.startsWith('frozen-')).length < late.length) await sleep(20);
      await site.deploy('run-2', undefined, b);
      const journal = await readFile(site.at('.drover', 'journal'), 'utf8');
      await rm(path.join(folder, 'hold'));
      // Who gives back a lease that is nobody's any more has nothing left to do.
      expect(await Promise.all(late)).toEqual([...late.slice(1).map(() => 'fenced'), 'done']);
      expect(await site.live()).toBe(b);
      expect(await readFile(site.at('.drover', 'journal'), 'utf8')).toBe(journal);
      expect(await readdir(site.root)).not.toContain('planted');
      expect((await site.app.readState()).lease).toBeUndefined();
    });
  },
);
