import {DroverError} from '../errors/drover-error.js';
import type {App} from '../inventory/app.js';
import type {Store} from '../snapshot/store.js';
import type {World} from './world.js';

export interface EmbargoQuestion {
  readonly app: App;
  readonly store: Store;
  readonly snapshots: Iterable<string>;
  /** When hosts would switch, by this machine's clock. */
  readonly whenMs: number;
  /** The operator said so, with a reason. */
  readonly ignored: boolean;
}

/**
 * Refuses (`refused`) a snapshot whose embargo has not ended when hosts would switch to it; one that is ignored is a warning of the run. What the
 * store has no record of is under none.
 */
export async function refuseEmbargo(world: World, {app, store, snapshots, whenMs, ignored}: EmbargoQuestion): Promise<void> {
  const asked = new Set(snapshots);
  if (asked.size === 0) return;
  for (const record of await store.list()) {
    if (record.app !== app.name || !asked.has(record.id) || record.embargoUntil === undefined) continue;
    const leftMs = Date.parse(record.embargoUntil) - whenMs;
    if (leftMs <= 0) continue;
    const until = `${record.embargoUntil.slice(0, 19).replace('T', ' ')} UTC`;
    const message = `snapshot ${record.id.slice(0, 12)} of app "${app.name}" is under embargo until ${until}`;
    if (!ignored) {
      throw new DroverError({
        code: 'refused',
        message: `${message}, ${describeWait(leftMs)} too early`,
        fix: 'wait, or pass --ignore-embargo with --reason',
      });
    }
    await world.emit({kind: 'warning', message: `${message}; ignored: ${world.reason}`});
  }
}

/** The two largest units, rounded up: `2 d 3 h`, `1 h 59 min`, `45 s`. */
export function describeWait(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.ceil(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.ceil(minutes / 60);
  if (minutes < 24 * 60) return minutes % 60 === 0 ? `${minutes / 60} h` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return hours % 24 === 0 ? `${hours / 24} d` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}
