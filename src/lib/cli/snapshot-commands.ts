import {statSync} from 'node:fs';
import path from 'node:path';
import {DroverError} from '../errors/drover-error.js';
import type {App, Project} from '../inventory/app.js';
import {loadProject} from '../inventory/project-file.js';
import type {Answer} from './answer.js';
import {listenForInterrupt} from './interrupt.js';
import {chooseApp, chooseAppAndSnapshot, type ProjectFlags} from './load-project.js';
import {readEmbargo, readNote} from './note-flags.js';
import {diffSnapshots, listSnapshots, showSnapshot, verifySnapshots} from './snapshot-answers.js';
import {chooseSource, takeSnapshot} from './take-snapshot.js';
import {inspectTerminal} from './terminal.js';

type StoreFlags = Pick<ProjectFlags, 'config'>;

/** Snapshots need the project alone, no inventory and no host. */
function readProject(flags: StoreFlags): Promise<Project> {
  return loadProject(flags.config, {signal: AbortSignal.timeout(60_000)});
}

export async function takeSnapshotOf(
  appName: string | undefined,
  flags: StoreFlags & {
    readonly labels: Readonly<Record<string, string>>;
    readonly source?: string | undefined;
    readonly 'from-tar'?: string | undefined;
    readonly note?: string | undefined;
    readonly 'embargo-until'?: string | undefined;
    readonly 'allow-empty': boolean;
    readonly 'size-changed': boolean;
    readonly strict: boolean;
  },
  env: NodeJS.ProcessEnv,
): Promise<Answer> {
  const note = readNote(flags.note);
  const embargoUntil = readEmbargo(flags['embargo-until'], Date.now());
  const project = await readProject(flags);
  const app = chooseApp(project, appName);
  const words = {source: flags.source, fromTar: flags['from-tar']};
  const source = chooseSource(app.source, words, {stdin: process.stdin, resolve: path.resolve});
  return abortable((signal) =>
    takeSnapshot(project, app, source, {
      labels: flags.labels,
      note,
      embargoUntil,
      allowEmpty: flags['allow-empty'],
      sizeChanged: flags['size-changed'],
      strict: flags.strict,
      env,
      signal,
    }),
  );
}

export async function listSnapshotsOf(appName: string | undefined, flags: StoreFlags): Promise<Answer> {
  const project = await readProject(flags);
  return listSnapshots(project, appName === undefined ? undefined : chooseApp(project, appName), inspectTerminal(process.env));
}

export async function showSnapshotOf(
  first: string | undefined,
  second: string | undefined,
  flags: StoreFlags & {readonly files: boolean},
): Promise<Answer> {
  const project = await readProject(flags);
  const {app, snapshot = 'latest'} = chooseAppAndSnapshot(project, first, second);
  return showSnapshot(project, app, snapshot, flags.files);
}

export async function diffSnapshotsOf(appName: string, before: string, after: string, flags: StoreFlags): Promise<Answer> {
  const project = await readProject(flags);
  return diffSnapshots(project, chooseApp(project, appName), before, after);
}

export async function verifySnapshotsOf(
  first: string | undefined,
  second: string | undefined,
  flags: StoreFlags & {readonly repair: boolean; readonly source?: readonly string[] | undefined},
): Promise<Answer> {
  if (flags.source !== undefined && !flags.repair)
    throw new DroverError({code: 'usage', message: '--source says where to repair from', fix: 'add --repair'});
  const project = await readProject(flags);
  const {app, snapshot} = first === undefined ? {app: undefined, snapshot: undefined} : chooseAppAndSnapshot(project, first, second);
  const apps = app === undefined ? [...project.apps.values()] : [app];
  const roots = flags.source?.map((root) => path.resolve(root)) ?? apps.flatMap(listRoots);
  for (const root of flags.source ?? []) requireFolder(root);
  return abortable((signal) => verifySnapshots(project, {app, snapshot, ...(flags.repair ? {roots} : {})}, signal));
}

/** The directories that an app's snapshots are made of; what a program makes is not made for this. */
function listRoots({source}: App): readonly string[] {
  return source.parts.flatMap((part) => (part.kind === 'directory' ? [part.path] : []));
}

function requireFolder(root: string): void {
  if (statSync(root, {throwIfNoEntry: false})?.isDirectory() === true) return;
  throw new DroverError({code: 'not-found', message: `--source ${root} is not a directory`, fix: 'name the tree to repair from'});
}

/** Reading and writing a store may be given up at once: it stays whole. */
async function abortable(work: (signal: AbortSignal) => Promise<Answer>): Promise<Answer> {
  const interrupt = listenForInterrupt(() => undefined);
  try {
    return await work(interrupt.interrupted);
  } catch (error) {
    if (!interrupt.interrupted.aborted) throw error;
    return {text: '', json: {schemaVersion: 1, outcome: 'interrupted'}, exit: interrupt.status()};
  } finally {
    interrupt.dispose();
  }
}
