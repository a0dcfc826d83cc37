import {readdir} from 'node:fs/promises';
import path from 'node:path';
import {isRunId} from '../events/run-id.js';
import type {Candidate, NameRequest} from './complete-words.js';
import {stateDirectory} from './state-directory.js';

/** No key that a user waits for may wait longer. */
const patienceMs = 2000;

/**
 * The names that the project's own files, the local store and this machine's journal have. Runs no program and asks nobody: an inventory that is
 * a program, and a store in a bucket, offer nothing. So does whatever cannot be read.
 */
export async function listNames(request: NameRequest, env: NodeJS.ProcessEnv): Promise<readonly Candidate[]> {
  try {
    return await readNames(request, env);
  } catch {
    // The command that the user goes on to write tells what is wrong.
    return [];
  }
}

async function readNames(request: NameRequest, env: NodeJS.ProcessEnv): Promise<readonly Candidate[]> {
  switch (request.kind) {
    case 'run': {
      const runs = await readdir(path.join(stateDirectory(env), 'runs'));
      return runs
        .filter(isRunId)
        .sort()
        .reverse()
        .map((word) => ({word}));
    }
    case 'app':
      return [...(await loadProjectOf(request)).apps.keys()].map((word) => ({word}));
    case 'snapshot':
      return listSnapshots(request);
    case 'host':
    case 'silo':
    case 'role':
      return listOfInventory(request);
  }
}

async function loadProjectOf({config = 'drover.yml'}: NameRequest) {
  const {loadProject} = await import('../inventory/project-file.js');
  return loadProject(config, {signal: AbortSignal.timeout(patienceMs)});
}

async function listOfInventory(request: NameRequest): Promise<readonly Candidate[]> {
  const {loadInventory} = await import('../inventory/inventory-file.js');
  const file = request.inventory ?? (await loadProjectOf(request)).inventory;
  const {hosts} = await loadInventory(file, {signal: AbortSignal.timeout(patienceMs)});
  if (request.kind === 'host') return hosts.map(({name, silo, roles}) => ({word: name, about: [silo, ...roles].join(' ')}));
  const words = request.kind === 'silo' ? hosts.map(({silo}) => silo) : hosts.flatMap(({roles}) => [...roles]);
  return [...new Set<string>(words)].map((word) => ({word}));
}

async function listSnapshots(request: NameRequest): Promise<readonly Candidate[]> {
  const project = await loadProjectOf(request);
  if (typeof project.store !== 'string') return [];
  const {openDirectoryStore} = await import('../snapshot/directory-store.js');
  const records = await openDirectoryStore({path: project.store, now: Date.now}).list();
  const isApp = [...project.apps.keys()].some((name) => name === request.app);
  const ofApp = isApp ? records.filter(({app}) => app === request.app) : records;
  return [
    {word: 'latest'},
    ...ofApp.map(({id, createdAt, labels}) => ({
      word: id.slice(0, 12),
      about: [createdAt.slice(0, 16), ...Object.entries(labels).map(([name, value]) => `${name}=${value}`)].join(' '),
    })),
  ];
}
