import {DroverError} from '../errors/drover-error.js';
import {hostsOfApp} from '../operations/plan-rollout.js';
import {type AppStatus, readStatus} from '../operations/read-status.js';
import type {Answer} from './answer.js';
import {conductRun, type RunFlags} from './conduct-run.js';
import {chooseApp, chooseHosts, loadBoth, type ProjectFlags, type SelectionFlags} from './load-project.js';
import {renderStatus} from './run-text.js';
import {inspectTerminal} from './terminal.js';

/** `drover status`: reading is harmless, so that no selection means every host of the app. */
export async function conductStatus(
  appName: string | undefined,
  flags: ProjectFlags & SelectionFlags & RunFlags,
  env: NodeJS.ProcessEnv,
): Promise<Answer> {
  const {project, inventory} = await loadBoth(flags, env, AbortSignal.timeout(60_000));
  const apps = appName === undefined ? [...project.apps.values()] : [chooseApp(project, appName)];
  const selects =
    flags.hosts !== undefined ||
    flags.silo !== undefined ||
    flags.role !== undefined ||
    flags.limit !== undefined ||
    flags.pick !== undefined ||
    flags['hosts-from'] !== undefined ||
    flags.exclude !== undefined;
  const selections = apps.map((app) => ({app, hosts: selects ? chooseHosts(inventory, flags, app) : hostsOfApp(inventory, app)}));
  let status: readonly AppStatus[] | undefined;
  const done = (): readonly AppStatus[] => {
    if (status === undefined) throw new DroverError({code: 'interrupted', message: 'interrupted before every host was asked'});
    return status;
  };
  return conductRun({
    command: 'status',
    project,
    inventory,
    flags,
    env,
    work: async ({world}) => {
      const result = await readStatus(world, selections);
      status = result.status;
      return result.end;
    },
    render: () => renderStatus(done(), inspectTerminal(env)),
    json: () => ({schemaVersion: 1, apps: done()}),
  });
}
