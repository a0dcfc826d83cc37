import type {HostVerbs, HostWorld} from './host-verbs.js';

/** What the verb `read-state` replies. */
export function readState(host: HostVerbs, world: HostWorld): readonly string[] {
  const {disk, live} = host;
  const runs = disk.list('runs/');
  return [
    'missing',
    `uptime ${world.now}`,
    `boot ${world.boot}`,
    'tools',
    `epoch ${host.epoch}`,
    ...host.printLease(world),
    ...(live === '' ? [] : [`current ${live}`]),
    ...disk.list('releases/').map((id) => `release ${id}`),
    ...disk.list('pins/').map((id) => `pin ${id} ${disk.read(`pins/${id}`)}`),
    ...host.openRuns().map((run) => `open-run ${run}`),
    ...runs.flatMap((run) => (host.readDecision(run) === '' ? [] : [`decision ${run} ${host.readDecision(run)}`])),
    ...(disk.read('journal') ?? '')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => `journal ${line}`),
  ];
}
