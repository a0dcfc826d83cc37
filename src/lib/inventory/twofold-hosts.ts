import {DroverError} from '../errors/drover-error.js';
import type {App, Ending, Project} from './app.js';
import {foldHostSet} from './folded-hosts.js';
import type {Host, Inventory} from './host.js';
import {readProjectSource} from './project-file.js';
import {matchExpression} from './selection.js';
import {throwProblems} from './source.js';

/**
 * A host is either paused as a worker or drained at the balancers. One that would have to be both, since a role of it pauses its work and another has an ending of its
 * own or is that of hosts that balancers drain, is refused: whichever came first, the other work of the host would be cut. Throws `invalid-file`
 * with the place of each such ending in `file`, the project's.
 */
export async function refuseTwofold(project: Project, inventory: Inventory, file: string, signal: AbortSignal): Promise<void> {
  const found = [...project.apps.values()].flatMap((app) =>
    findTwofold(app, membersOf(inventory, app)).map((twofold) => ({app, ...twofold})),
  );
  if (found.length === 0) return;
  const source = await readProjectSource(file, {signal});
  throwProblems(
    found.map(({app, work, other, hosts}) => {
      const why = `${foldHostSet(hosts.map(({name}) => name))} would be paused as "${work}" and end otherwise as "${other}"`;
      const fix = 'give each host of the app one of these roles, or make the workers an app of their own';
      return source.problem('key', ['apps', app.name, 'endings', work], why, fix);
    }),
  );
}

/** What a selection that fits nothing is worth is said by the command that uses it. */
function membersOf(inventory: Inventory, app: App): readonly Host[] {
  if (app.endings?.some(({work}) => work !== undefined) !== true) return [];
  try {
    return matchExpression(inventory, app.hosts, `apps.${app.name}.hosts`);
  } catch (error) {
    if (!(error instanceof DroverError)) throw error;
    return [];
  }
}

function findTwofold(
  {endings = [], drain}: App,
  members: readonly Host[],
): readonly {readonly work: string; readonly other: string; readonly hosts: readonly Host[]}[] {
  const works = endings.filter(({work}) => work !== undefined);
  const isWorker = ({roles}: Host): boolean => works.some(({role}) => roles.includes(role));
  const drained = drain === undefined ? [] : members.filter((host) => !isWorker(host)).flatMap(({roles}) => roles);
  const others = new Set([...endings.map(({role}) => role), ...drained]);
  return works.flatMap((ending: Ending) =>
    [...others].flatMap((other) => {
      const hosts = other === ending.role ? [] : members.filter(({roles}) => roles.includes(ending.role) && roles.includes(other));
      return hosts.length === 0 ? [] : [{work: ending.role, other, hosts}];
    }),
  );
}
