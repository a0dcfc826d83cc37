import {mkdirSync, rmSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import type {Ratio, Section} from './bench-report.js';
import {holdContest} from './contest.js';
import {makeProject} from './drover-project.js';

interface Step {
  readonly files: number;
  readonly firstS: number;
  readonly firstMb: number;
  readonly againS: number;
  readonly againMb: number;
}

const filesPerFolder = 500;

/** Small files, all different, each tree ten times the one before: time shall grow with it, and memory stay within bounds. */
export async function growTrees(
  work: string,
  {quick, say}: {readonly quick: boolean; readonly say: (line: string) => void},
): Promise<{readonly section: Section; readonly ratios: readonly Ratio[]}> {
  const steps: Step[] = [];
  for (const files of quick ? [1000, 10_000, 100_000] : [10_000, 100_000, 1_000_000]) {
    const source = path.join(work, `tree-${files}`);
    plant(source, files);
    const project = makeProject(path.join(work, `drover-${files}`), source);
    const [first, again] = await holdContest(
      [
        {name: `first, ${files} files`, prepare: project.forget, ...project.command('snapshot', 'content')},
        {name: `again, ${files} files`, ...project.command('snapshot', 'content')},
      ],
      {rounds: quick ? 1 : 2, say},
    );
    if (first !== undefined && again !== undefined)
      steps.push({files, firstS: first.wallS, firstMb: first.rssMb, againS: again.wallS, againMb: again.rssMb});
    rmSync(source, {recursive: true});
    rmSync(project.folder, {recursive: true});
  }
  const [before, last] = steps.slice(-2);
  const growth = before === undefined || last === undefined ? undefined : last.firstS / before.firstS;
  const memory = last === undefined ? undefined : Math.max(last.firstMb, last.againMb);
  return {
    section: {
      title: 'Growth: small files, times ten',
      columns: [
        {key: 'files', title: 'files'},
        {key: 'firstS', title: 'first s', digits: 2},
        {key: 'firstMb', title: 'peak MB'},
        {key: 'againS', title: 'again s', digits: 2},
        {key: 'againMb', title: 'peak MB'},
      ],
      rows: steps,
    },
    ratios: [
      {name: 'files-x10/first', value: growth, aim: {atMost: 11}},
      {name: `peak-mb/${last?.files ?? 0}-files`, value: memory, aim: {atMost: 600}},
    ],
  };
}

function plant(source: string, files: number): void {
  for (let number = 0; number < files; number += 1) {
    const folder = path.join(source, `section-${Math.floor(number / filesPerFolder)}`);
    if (number % filesPerFolder === 0) mkdirSync(folder, {recursive: true});
    writeFileSync(path.join(folder, `page-${number}.html`), `<!doctype html><title>${number}</title><p>${'sheep '.repeat(number % 40)}\n`);
  }
}
