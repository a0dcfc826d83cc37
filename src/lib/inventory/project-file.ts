import path from 'node:path';
import type {App, Project, WarmSettings} from './app.js';
import type {AppName} from './host.js';
import {parseAppName} from './host-name.js';
import {type AppInput, type ProjectInput, projectSchema} from './project-schema.js';
import {joinReviews} from './review-schema.js';
import {makeDefaultRoll} from './roll-schema.js';
import {explainIssues} from './schema-problems.js';
import {readSource, type Source, throwProblems} from './source.js';
import {placeSource} from './source-schema.js';
import {inspectFile, readTextFile} from './text-file.js';

function parseProject(source: Source): ProjectInput {
  const parsed = projectSchema.safeParse(source.data);
  throwProblems([...source.problems, ...(parsed.success ? [] : explainIssues(source, parsed.error.issues))]);
  if (!parsed.success) throw new Error('a schema refused without an issue', {cause: parsed.error});
  return parsed.data;
}

function placeWarm(warm: WarmSettings, folder: string): WarmSettings {
  return warm.from.kind === 'file' ? {...warm, from: {kind: 'file', path: path.resolve(folder, warm.from.path)}} : warm;
}

/** Hosts can fetch from a bucket alone. */
function refuseNoBucket(source: Source, {apps, store}: ProjectInput): void {
  if (typeof store === 'object') return;
  const through = Object.keys(apps).filter((name) => apps[name]?.push?.via === 'store');
  const fix = 'name one, store: s3://bucket/prefix, or send directly';
  throwProblems(
    through.map((name) =>
      source.problem('value', ['apps', name, 'push', 'via'], 'via "store" needs a bucket, and the store is a directory', fix),
    ),
  );
}

/** Nobody can approve where nobody is known. */
function refuseNoSigners(source: Source, {apps, review}: ProjectInput): void {
  const lacks = (own: ProjectInput['review']): boolean => {
    const {allowed_signers: file, approvals = 1} = {...review, ...own};
    return approvals > 0 && file === undefined;
  };
  const places = Object.keys(apps).flatMap((name) =>
    apps[name]?.review !== undefined && lacks(apps[name].review) ? [['apps', name, 'review']] : [],
  );
  if (review !== undefined && lacks(undefined)) places.push(['review']);
  throwProblems(
    places.map((place) =>
      source.problem('key', place, 'review wants approvals and names no allowed_signers', 'add allowed_signers: FILE, or approvals: 0'),
    ),
  );
}

/** An ending without a drain would be kept by nobody. */
function refuseIdleEndings(source: Source, {apps}: ProjectInput): void {
  const isIdle = (app: AppInput | undefined): boolean =>
    app?.drain === undefined && app?.endings?.some(({work}) => work === undefined) === true;
  const idle = Object.keys(apps).filter((name) => isIdle(apps[name]));
  const fix = 'say how hosts leave rotation: drain: {haproxy: …}, or take endings out';
  throwProblems(idle.map((name) => source.problem('key', ['apps', name, 'endings'], 'endings need a drain, and this app has none', fix)));
}

/** Snapshots of a bucket pass through the directory that is the store where nothing is said. */
function placeStore(store: ProjectInput['store'], folder: string): Project['store'] {
  const local = path.resolve(folder, '.drover/store');
  if (store === undefined) return local;
  return typeof store === 'string' ? path.resolve(folder, store) : {...store, cache: local};
}

function buildApp(name: AppName, input: AppInput, folder: string, shared: ProjectInput['review']): App {
  const {once, restart, push, partitions, drain, endings, warm} = input;
  const {before, after, deadline: deadlineMs = 900_000} = once ?? {};
  const review = joinReviews(shared, input.review, (file) => path.resolve(folder, file));
  return {
    name,
    source: placeSource(input.source, input['on-conflict'], folder),
    ignore: input.ignore ?? [],
    ...(input['max-files'] === undefined ? {} : {maxFiles: input['max-files']}),
    root: input.root,
    hosts: input.hosts,
    link: input.link ?? {},
    ...(before === undefined && after === undefined
      ? {}
      : {once: {...(before === undefined ? {} : {before}), ...(after === undefined ? {} : {after}), deadlineMs}}),
    ...(restart === undefined ? {} : {restart}),
    roll: input.roll ?? makeDefaultRoll(),
    ...(review === undefined ? {} : {review}),
    ...(push === undefined ? {} : {push}),
    ...(partitions === undefined ? {} : {partitions}),
    ...(drain === undefined ? {} : {drain}),
    ...(endings === undefined ? {} : {endings}),
    ...(warm === undefined ? {} : {warm: placeWarm(warm, folder)}),
    health: input.health ?? [],
  };
}

/** The text of a project file with its places. Throws as `loadProject` does. */
export async function readProjectSource(file: string, {signal}: {signal: AbortSignal}): Promise<Source> {
  const reading = {what: 'project file', createWith: 'create it with: drover init', signal};
  const {shown} = await inspectFile(file, reading);
  return readSource(await readTextFile(file, reading), {
    file: shown,
    format: path.extname(file).toLowerCase() === '.json' ? 'json' : 'yaml',
    whenEmpty: {message: `project file ${shown} is empty`, fix: 'it needs at least one app'},
  });
}

/**
 * Reads drover.yml, or the same as `.json`. Paths in it are relative to its folder. Throws `not-found`, or `invalid-file` with every problem and
 * its place. The inventory it names is not read.
 */
export async function loadProject(file: string, {signal}: {signal: AbortSignal}): Promise<Project> {
  const source = await readProjectSource(file, {signal});
  const input = parseProject(source);
  refuseNoBucket(source, input);
  refuseNoSigners(source, input);
  refuseIdleEndings(source, input);
  const folder = path.dirname(path.resolve(file));
  const apps = source.keysAt(['apps']).flatMap((key): [AppName, App][] => {
    const name = parseAppName(key);
    const app = input.apps[key];
    return name === undefined || app === undefined ? [] : [[name, buildApp(name, app, folder, input.review)]];
  });
  return {
    file: path.resolve(file),
    inventory: path.resolve(folder, input.inventory ?? 'inventory.yml'),
    apps: new Map(apps),
    store: placeStore(input.store, folder),
    events: input.events ?? [],
  };
}
