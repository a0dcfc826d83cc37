import {fanOut} from '../fanout/fan-out.js';
import type {HostState} from '../host/host-state.js';
import type {App} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import {useHost} from './on-host.js';
import type {World} from './world.js';

/** Has each host remember which snapshot its part is of. One that cannot keeps its release and loses a name: a warning. */
export async function noteParts(
  world: World,
  options: {
    readonly app: App;
    readonly snapshot: string;
    readonly run: string;
    readonly states: ReadonlyMap<string, HostState>;
    readonly parts: readonly {readonly host: Host; readonly part: string}[];
  },
): Promise<void> {
  const {app, snapshot, run, states, parts} = options;
  const fresh = parts.filter(({host, part}) => states.get(host.name)?.parts.get(part)?.at(-1)?.snapshot !== snapshot);
  await fanOut(
    fresh.map(({host, part}) => ({name: host.name, host, part})),
    ({host, part}) => useHost(world, host, app, (on) => on.notePart(part, snapshot, run)),
    {
      concurrency: world.concurrency,
      random: world.random,
      signal: world.signal,
      onOutcome: async (outcome) => {
        if (outcome.kind === 'failed')
          await world.emit({
            kind: 'warning',
            host: outcome.item.name,
            message: `does not know yet that its release is a part of ${snapshot.slice(0, 12)}: ${outcome.problem.message}`,
          });
      },
    },
  );
}
