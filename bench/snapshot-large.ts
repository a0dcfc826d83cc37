import {execFileSync} from 'node:child_process';
import {mkdirSync, rmSync} from 'node:fs';
import path from 'node:path';
import type {Ratio, Section} from './bench-report.js';
import {holdContest, relate} from './contest.js';
import {makeProject} from './drover-project.js';
import type {Column} from './table.js';

/** One large file of random bytes: the rate beside `sha256sum` and a copy, and that memory stays flat. */
export async function measureLarge(
  work: string,
  {quick, columns, say}: {readonly quick: boolean; readonly columns: readonly Column[]; readonly say: (line: string) => void},
): Promise<{readonly section: Section; readonly ratios: readonly Ratio[]}> {
  const source = path.join(work, 'large');
  const megabytes = quick ? 512 : 2048;
  mkdirSync(source);
  const file = path.join(source, 'film');
  const copy = path.join(work, 'copy');
  execFileSync('sh', ['-c', `head -c ${megabytes}M /dev/urandom >"$0" && sync "$0"`, file]);
  const project = makeProject(path.join(work, 'drover-large'), source);
  const remove = (): void => rmSync(copy, {force: true});
  const rows = await holdContest(
    [
      {name: 'sha256sum, cp', prepare: remove, command: ['sh', '-c', 'sha256sum "$0" && cp "$0" "$1"', file, copy], cwd: work},
      {
        name: 'sha256sum, cp, sync',
        prepare: remove,
        command: ['sh', '-c', 'sha256sum "$0" && cp "$0" "$1" && sync "$1"', file, copy],
        cwd: work,
      },
      {
        name: 'drover first',
        prepare: () => {
          remove();
          project.forget();
        },
        ...project.command('snapshot', 'content'),
      },
    ],
    {rounds: quick ? 1 : 3, say},
  );
  rmSync(source, {recursive: true});
  rmSync(project.folder, {recursive: true});
  return {
    section: {
      title: `One file of ${(megabytes / 1024).toFixed(1)} GB`,
      columns,
      rows,
      note: 'drover flushes what it wrote before it names it, so that the row with `sync` is the one it is held to.',
    },
    ratios: [{name: 'large-rate/sha256sum-cp', value: relate(rows, 'sha256sum, cp, sync', 'drover first'), aim: {atLeast: 0.8}}],
  };
}
