import {DroverError} from '../errors/drover-error.js';
import {openAppBalancer} from '../operations/app-balancer.js';
import type {HealthReport} from '../operations/check-health.js';
import {checkHealth} from '../operations/check-health.js';
import type {Answer} from './answer.js';
import {conductRun, type RunFlags} from './conduct-run.js';
import {chooseApp, chooseHosts, loadBoth, type ProjectFlags, type SelectionFlags} from './load-project.js';
import {renderHealth, renderNagios} from './run-text.js';
import {inspectTerminal} from './terminal.js';

/** `drover health`: the table, the object, or the line for Nagios. */
export async function conductHealth(
  appName: string | undefined,
  flags: ProjectFlags & SelectionFlags & RunFlags & {readonly nagios: boolean},
  env: NodeJS.ProcessEnv,
): Promise<Answer> {
  const {project, inventory} = await loadBoth(flags, env, AbortSignal.timeout(60_000));
  const app = chooseApp(project, appName);
  const hosts = chooseHosts(inventory, flags, app);
  let report: HealthReport | undefined;
  const done = (): HealthReport => {
    if (report === undefined) throw new DroverError({code: 'interrupted', message: 'interrupted before every host was asked'});
    return report;
  };
  const answer = await conductRun({
    command: 'health',
    project,
    inventory,
    flags: {...flags, quiet: flags.quiet || flags.nagios},
    env,
    work: async ({world}) => {
      const result = await checkHealth(world, {app, hosts, balancer: openAppBalancer(world, app)});
      report = result.report;
      return result.end;
    },
    render: () => (flags.nagios ? renderNagios(done()) : renderHealth(done(), inspectTerminal(env))),
    json: () => ({schemaVersion: 1, ...done()}),
  });
  if (!flags.nagios) return answer;
  return {...answer, exit: ({healthy: 0, degraded: 1, down: 2} as const)[done().overall]};
}
