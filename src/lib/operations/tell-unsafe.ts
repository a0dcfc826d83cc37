import type {World} from './world.js';

/** What the operator left out is told at once, and is part of the run's record. */
export async function tellUnsafe(world: World, flags: readonly string[]): Promise<void> {
  for (const flag of flags)
    await world.emit({kind: 'warning', unsafe: flag, message: `a safety is left out by --${flag}: ${world.reason}`});
}
