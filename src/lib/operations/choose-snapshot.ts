import {DroverError} from '../errors/drover-error.js';
import type {HostState} from '../host/host-state.js';
import type {App} from '../inventory/app.js';
import type {Store} from '../snapshot/store.js';

/**
 * The snapshot that words name: `latest`, an id, or the start of one. It is looked up in the store, then among the releases that hosts
 * hold, so that another machine without the store can deploy what is staged.
 */
export async function chooseSnapshot(store: Store, app: App, words: string, states: ReadonlyMap<string, HostState>): Promise<string> {
  try {
    return (await store.resolve(app.name, words)).id;
  } catch (error) {
    if (!(error instanceof DroverError) || error.code !== 'not-found' || words === 'latest') throw error;
    const staged = new Set([...states.values()].flatMap((state) => state.releases).filter((id) => id.startsWith(words)));
    const [only, ...more] = staged;
    if (only === undefined) {
      throw new DroverError({
        code: 'not-found',
        message: `release "${words}" is not in the store or on any host`,
        fix: `list with: drover snapshot list ${app.name}`,
      });
    }
    if (more.length > 0) {
      const listed = [...staged].map((id) => `${id.slice(0, 8)}..`).join(', ');
      throw new DroverError({code: 'usage', message: `release "${words}" matches ${staged.size} (${listed})`, fix: 'give more characters'});
    }
    return only;
  }
}
