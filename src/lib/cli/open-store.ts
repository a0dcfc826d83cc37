import type {Project} from '../inventory/app.js';
import {type DirectoryStore, openDirectoryStore} from '../snapshot/directory-store.js';

/** The project's store. */
export function openStore(project: Project): DirectoryStore {
  return openDirectoryStore({path: project.store, now: Date.now});
}
