import {mkdirSync, rmSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {projectRoot} from './bench-report.js';
import type {MeasureOptions} from './measure.js';

/** A project with one app and an empty store of its own. */
export interface DroverProject {
  readonly folder: string;
  readonly store: string;
  /** The shipped program, as an operator runs it. */
  readonly command: (...args: readonly string[]) => {readonly command: readonly string[]} & MeasureOptions;
  readonly forget: () => void;
}

export function makeProject(folder: string, source: string): DroverProject {
  mkdirSync(folder, {recursive: true});
  writeFileSync(path.join(folder, 'inventory.yml'), 'hosts:\n  web1.example.com: {silo: one, role: web}\n');
  writeFileSync(
    path.join(folder, 'drover.yml'),
    `inventory: inventory.yml\nstore: store\napps:\n  content: {source: ${JSON.stringify(source)}, root: /srv/content, hosts: "role:web"}\n`,
  );
  const store = path.join(folder, 'store');
  return {
    folder,
    store,
    command: (...args) => ({command: [process.execPath, path.join(projectRoot, 'bin', 'run.js'), ...args], cwd: folder}),
    forget: () => rmSync(store, {recursive: true, force: true}),
  };
}
