import {DroverError} from '../errors/drover-error.js';
import {printable} from '../errors/printable.js';
import type {App, AppSource, Project} from '../inventory/app.js';
import {formatBytes} from '../report/quantity.js';
import {createSnapshot, type SourceSet} from '../snapshot/create-snapshot.js';
import type {Answer} from './answer.js';
import {openStore} from './open-store.js';

export interface TakeOptions {
  readonly labels: Readonly<Record<string, string>>;
  readonly note: string | undefined;
  readonly embargoUntil: string | null | undefined;
  readonly allowEmpty: boolean;
  readonly sizeChanged: boolean;
  readonly strict: boolean;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

/** `drover snapshot`: the id on standard output, what was found, and what commands say, on standard error. */
export async function takeSnapshot(project: Project, app: App, source: SourceSet, options: TakeOptions): Promise<Answer> {
  const {note, embargoUntil, ...rest} = options;
  const startedMs = Date.now();
  const taken = await createSnapshot({
    ...rest,
    source,
    app: app.name,
    ignore: app.ignore,
    ...(app.maxFiles === undefined ? {} : {maxFiles: app.maxFiles}),
    ...(note === undefined ? {} : {note}),
    ...(embargoUntil === undefined ? {} : {embargoUntil}),
    store: openStore(project),
    now: Date.now,
    say: (line) => process.stderr.write(`  ${printable(line)}\n`),
    warn: (line) => process.stderr.write(`warning: ${printable(line)}\n`),
  });
  const {record, warnings, newBytes, newFiles, reusedFiles, ignored} = taken;
  const facts = `${record.files} files, ${formatBytes(record.bytes)}; new to the store: ${newFiles} files, ${formatBytes(newBytes)}; ${reusedFiles} known; ${ignored} ignored; ${((Date.now() - startedMs) / 1000).toFixed(1)} s`;
  process.stderr.write(`${app.name} ${record.id.slice(0, 12)}: ${facts}\n`);
  return {text: `${record.id}\n`, json: {schemaVersion: 1, ...record, newFiles, newBytes, reusedFiles, ignored, warnings}, exit: 0};
}

export interface SourceWords {
  /** A folder, from the working directory. */
  readonly source?: string | undefined;
  /** An archive, from the working directory, or `-`. */
  readonly fromTar?: string | undefined;
}

/** What words say in place of the app's own source. */
export function chooseSource(
  own: AppSource,
  {source, fromTar}: SourceWords,
  {stdin, resolve}: {readonly stdin: NodeJS.ReadStream; readonly resolve: (file: string) => string},
): SourceSet {
  if (source !== undefined && fromTar !== undefined) {
    throw new DroverError({code: 'usage', message: 'use --source or --from-tar, not both', fix: 'name one tree'});
  }
  for (const [flag, value] of [
    ['--source', source],
    ['--from-tar', fromTar],
  ] as const) {
    if (value === '')
      throw new DroverError({code: 'usage', message: `${flag} is empty`, fix: flag === '--source' ? 'name a folder' : 'name a file, or -'});
  }
  if (source !== undefined) return {parts: [{kind: 'directory', name: source, path: resolve(source)}], onConflict: 'error'};
  if (fromTar === undefined) return own;
  if (fromTar !== '-') return {parts: [{kind: 'tar', name: fromTar, file: resolve(fromTar)}], onConflict: 'error'};
  if (stdin.isTTY) {
    throw new DroverError({
      code: 'usage',
      message: '--from-tar - expects an archive on standard input',
      fix: 'for example: tar -C dist -c . | drover snapshot --from-tar -',
    });
  }
  return {parts: [{kind: 'stream', name: 'standard input', stream: stdin}], onConflict: 'error'};
}
