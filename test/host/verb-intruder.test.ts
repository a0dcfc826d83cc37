import {spawn, spawnSync} from 'node:child_process';
import {readdir, readFile, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {describe, expect, it} from 'vitest';
import {isRoot, Site} from './verb-site.js';

const canIntrude = isRoot && spawnSync('setpriv', ['--reuid=65534', '--clear-groups', 'true']).status === 0;

/** Tries without end to change what is staged, served and recorded, and says which of it succeeded. */
const intruder = `
cd "$1" || exit 1
while [ ! -e "$2" ]; do
  for tree in releases/* .drover/incoming/* .drover/manifests/*; do
    [ -e "$tree" ] || continue
    echo tried >>"$3.tried"
    { echo x >>"$tree/name"; } 2>/dev/null && echo "wrote $tree/name"
    { true >"$tree/planted"; } 2>/dev/null && echo "planted in $tree"
    mv "$tree" "$tree.moved" 2>/dev/null && echo "moved $tree"
    rm -rf "$tree" 2>/dev/null && echo "removed $tree"
  done
  for file in .drover/journal .drover/lease .drover/epoch .drover/pins; do
    { echo 'x 1 run-1 confirmed x' >>"$file"; } 2>/dev/null && echo "wrote $file"
    [ ! -r "$file" ] || echo "read $file"
  done
  ln -sfn /etc current 2>/dev/null && echo 'linked current'
done >>"$3"`;

describe.skipIf(!canIntrude)('another user of the host', () => {
  it('T11 T38: changes nothing between the proof of a release and its switch, nor in the journal, however often it is tried', async () => {
    const site = await Site.make();
    const at = (name: string): string => path.join(site.folder, name);
    for (const name of ['said', 'said.tried']) await writeFile(at(name), '', {mode: 0o666});
    spawnSync('chmod', ['666', at('said'), at('said.tried')]);
    const words = ['--reuid=65534', '--regid=65534', '--clear-groups', 'sh', '-c', intruder, 'sh', site.root, at('stop'), at('said')];
    const child = spawn('setpriv', words, {stdio: ['ignore', 'inherit', 'inherit']});
    const ended = new Promise((resolve) => child.once('exit', resolve));
    const ids: string[] = [];
    let from: string | undefined;
    for (let nth = 1; nth <= 3; nth++) {
      const id = await site.stage({name: `release ${nth}`, 'd/e': 'x'});
      await site.deploy(`run-${nth}`, from, id);
      ids.push(id);
      from = id;
    }
    while (child.exitCode === null && (await readFile(at('said.tried'), 'utf8')).length < 'tried\n'.length * 100) await sleep(20);
    expect(child.exitCode, 'it is still at it').toBeNull();
    await writeFile(at('stop'), '');
    await ended;
    expect(await readFile(at('said'), 'utf8')).toBe('');
    for (const id of ids) await site.app.verify(id as never);
    expect(await site.live()).toBe(ids.at(-1));
    expect((await readdir(site.at('releases'))).sort()).toEqual([...ids].sort());
    expect((await site.events()).filter((event) => event.startsWith('confirmed'))).toEqual(ids.map((id) => `confirmed ${id}`));
    await site.remove();
  }, 300_000);
});
