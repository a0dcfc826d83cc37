import {DroverError} from '../errors/drover-error.js';
import {quoteWord} from '../errors/shell-word.js';
import {copyFromHosts, copyToHosts} from '../operations/copy-files.js';
import {readCopied} from '../snapshot/copied-tree.js';
import type {Answer} from './answer.js';
import {conductRun, type RunFlags} from './conduct-run.js';
import {completeTarget, readDirection} from './copy-direction.js';
import {chooseHosts, loadInventoryOnly, type ProjectFlags, type SelectionFlags} from './load-project.js';

type CopyFlags = ProjectFlags &
  SelectionFlags &
  RunFlags & {readonly merge: boolean; readonly 'max-size': number; readonly 'retry-around-failure': number};

/** `drover copy SOURCE TARGET`. Needs an inventory, no project. */
export async function conductCopy(source: string, target: string, flags: CopyFlags, env: NodeJS.ProcessEnv): Promise<Answer> {
  const way = readDirection(source, target);
  if (way.hosts !== '' && flags.hosts !== undefined) {
    throw new DroverError({
      code: 'usage',
      message: `hosts are named twice: ${JSON.stringify(way.hosts)} and --hosts`,
      fix: 'name them once',
    });
  }
  if (way.kind === 'from' && flags.merge) throw new DroverError({code: 'usage', message: '--merge is for copies to hosts'});
  const inventory = await loadInventoryOnly(flags, env, AbortSignal.timeout(60_000));
  const hosts = chooseHosts(inventory, way.hosts === '' ? flags : {...flags, hosts: way.hosts});
  const tree = way.kind === 'to' ? await readCopied(way.source, new AbortController().signal) : undefined;
  const to = tree === undefined ? way.target : completeTarget(way.target, tree.name);
  return conductRun({
    command: 'copy',
    project: {file: flags.config, inventory: inventory.file, apps: new Map(), store: '', events: []},
    inventory,
    flags,
    env,
    answersEnter: true,
    work: async ({world}) => {
      const words = tree === undefined ? [`:${way.source}`, way.target] : [way.source, `:${way.target}`];
      const more = [flags.merge ? ['--merge'] : [], flags.inventory === undefined ? [] : ['-i', flags.inventory]].flat();
      const next = ['drover copy', ...[...words, '--hosts-from', `${world.run}:failed`, ...more].map(quoteWord)].join(' ');
      const options = {hosts, retries: flags['retry-around-failure'], next};
      return tree === undefined
        ? copyFromHosts(world, {...options, from: way.source, into: way.target, maxBytes: flags['max-size']})
        : copyToHosts(world, {...options, tree, to, merge: flags.merge});
    },
  });
}
