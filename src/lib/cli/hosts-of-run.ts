import {DroverError} from '../errors/drover-error.js';
import {readRun, resolveRun} from '../events/journal.js';
import {judgeHost} from '../report/host-ending.js';
import {foldEvents} from '../report/run-model.js';
import {stateDirectory} from './state-directory.js';

const fine: ReadonlySet<string> = new Set(['done', 'unchanged']);

/**
 * The hosts of a recorded run: `RUN` all of them, `RUN:failed` those that did not end well (also those that it never came to), `RUN:done` the others.
 * RUN as `drover report` takes it. Throws `usage`, `not-found`, `selection`.
 */
export async function readHostsOfRun(text: string, env: NodeJS.ProcessEnv): Promise<readonly string[]> {
  const [, words = '', which] = /^([^:]*)(?::(.*))?$/.exec(text) ?? [];
  if (which !== undefined && which !== 'failed' && which !== 'done') {
    const message = `--hosts-from ${JSON.stringify(text)} does not say which hosts`;
    throw new DroverError({code: 'usage', message, fix: `write ${words}, ${words}:failed or ${words}:done`});
  }
  const stateDir = stateDirectory(env);
  const run = await resolveRun(stateDir, words);
  const {hosts, selected} = foldEvents((await readRun(stateDir, run)).events);
  if (which !== 'done' && selected > hosts.size) {
    const message = `the record of run ${run} ends before all of its ${selected} hosts were begun, and does not name the others`;
    throw new DroverError({code: 'selection', message, fix: 'name the hosts with --hosts'});
  }
  const wanted = [...hosts.values()].filter((host) => which === undefined || fine.has(judgeHost(host).outcome) === (which === 'done'));
  if (wanted.length > 0) return wanted.map(({host}) => host);
  const message = `run ${run} has no ${which === undefined ? 'hosts' : `host that is ${which}`}`;
  throw new DroverError({code: 'selection', message, fix: `see it: drover report ${run}`});
}
