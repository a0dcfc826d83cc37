import {foldHostSet} from '../inventory/folded-hosts.js';
import type {HealthReport} from '../operations/check-health.js';
import type {AppStatus, HostStatus} from '../operations/read-status.js';
import type {CommandResult} from '../operations/run-command.js';
import {diffOutputs} from '../report/diffed-output.js';
import {foldOutputs} from '../report/folded-output.js';
import {foldReasons} from '../report/host-reason.js';
import type {HostOutput} from '../report/output-groups.js';
import {renderTable} from '../report/table.js';
import type {Terminal} from './terminal.js';

const shortId = (id: string): string => id.slice(0, 12);

function tableLook(terminal: Terminal): {width?: number; colour: boolean} {
  return {colour: terminal.outColour, ...(terminal.outColumns === undefined ? {} : {width: terminal.outColumns})};
}

/** `9c21f0a7b311`, or `9c21f0a7b311 (part 3f07…)` where hosts serve parts of a snapshot. */
function describeRelease(snapshot: string, live: readonly (string | undefined)[]): string {
  const parts = [...new Set(live)].filter((id) => id !== undefined && id !== snapshot);
  if (snapshot === '-' || parts.length === 0) return shortId(snapshot);
  return `${shortId(snapshot)} (${parts.length === 1 ? `part ${shortId(parts[0] ?? '')}` : `${parts.length} parts`})`;
}

/** Hosts folded by what they say; the ones that differ or fail stand apart. */
export function renderHealth(report: HealthReport, terminal: Terminal): string {
  const groups = new Map<
    string,
    {hosts: string[]; live: (string | undefined)[]; silo: string; verdict: string; release: string; rotation: string; detail: string}
  >();
  const reasons = foldReasons(report.hosts.map(({host, problems}) => ({host, why: problems.join('; ')})));
  for (const host of report.hosts) {
    const row = {
      silo: host.silo,
      verdict: host.verdict,
      release: host.snapshot ?? host.live ?? '-',
      rotation: host.rotation ?? '-',
      detail: reasons.get(host.host) ?? '',
    };
    const key = JSON.stringify(row);
    const group = groups.get(key) ?? {hosts: [], live: [], ...row};
    group.hosts.push(host.host);
    group.live.push(host.live);
    groups.set(key, group);
  }
  const rows = [...groups.values()].map((group) => [
    foldHostSet(group.hosts),
    group.silo,
    {text: group.verdict, paint: group.verdict === 'healthy' ? ('good' as const) : ('bad' as const)},
    describeRelease(group.release, group.live),
    group.rotation,
    group.detail,
  ]);
  const table = renderTable({
    columns: [
      {title: 'HOSTS'},
      {title: 'SILO'},
      {title: 'HEALTH', shrinks: false},
      {title: 'LIVE', shrinks: false},
      {title: 'ROTATION', shrinks: false},
      {title: 'DETAIL'},
    ],
    rows,
    ...tableLook(terminal),
  });
  const skew =
    report.releases.length > 1
      ? `version skew: ${report.releases.map(({release, hosts}) => `${shortId(release)} on ${foldHostSet(hosts)}`).join(', ')}\n`
      : '';
  const healthy = report.hosts.filter((host) => host.verdict === 'healthy').length;
  return `${table}${skew}${report.app} is ${report.overall}: ${healthy} of ${report.hosts.length} hosts healthy\n`;
}

/** One line as `nagios` and its heirs read it, with performance data. */
export function renderNagios(report: HealthReport): string {
  const healthy = report.hosts.filter((host) => host.verdict === 'healthy').length;
  const word = {healthy: 'OK', degraded: 'WARNING', down: 'CRITICAL'}[report.overall];
  const bad = report.hosts.filter((host) => host.verdict !== 'healthy').map((host) => host.host);
  const which = bad.length === 0 ? '' : ` (${foldHostSet(bad)})`;
  return `${word} - ${report.app}: ${healthy}/${report.hosts.length} healthy${which}|healthy=${healthy};;;0;${report.hosts.length} releases=${report.releases.length}\n`;
}

/** The newest of what was taken back: who, when and why. */
function describePins({pins}: HostStatus): string {
  const last = pins.at(-1);
  if (last === undefined) return '';
  const more = pins.length === 1 ? '' : `, and ${pins.length - 1} before`;
  return `${shortId(last.snapshot ?? last.release)} taken back ${last.at.slice(0, 16).replace('T', ' ')} by ${last.owner}: ${last.why}${more}`;
}

export function renderStatus(status: readonly AppStatus[], terminal: Terminal): string {
  const rows = status.flatMap(({app, hosts}) => {
    const reasons = foldReasons(hosts.map(({host, why = ''}) => ({host, why})));
    const groups = new Map<string, {hosts: string[]; live: (string | undefined)[]; first: HostStatus}>();
    for (const host of hosts) {
      const key = JSON.stringify([
        host.silo,
        host.snapshot ?? host.live,
        host.lease?.run,
        host.openRuns,
        host.reachable,
        reasons.get(host.host),
        host.staged.length,
        host.pins.map(({run}) => run),
        host.pausedBy,
      ]);
      const group = groups.get(key) ?? {hosts: [], live: [], first: host};
      group.hosts.push(host.host);
      group.live.push(host.live);
      groups.set(key, group);
    }
    return [...groups.values()].map(({hosts: names, live, first}) => [
      app,
      first.silo,
      foldHostSet(names),
      first.reachable ? describeRelease(first.snapshot ?? first.live ?? '-', live) : {text: 'unreachable', paint: 'bad' as const},
      String(first.staged.length),
      first.lease === undefined ? '-' : `${first.lease.run} by ${first.lease.owner}`,
      [
        first.openRuns.length === 0 ? '' : `unfinished: ${first.openRuns.join(', ')}`,
        first.pausedBy === undefined ? '' : `worker paused by ${first.pausedBy}`,
        describePins(first),
        reasons.get(first.host) ?? '',
      ]
        .filter((word) => word !== '')
        .join('; '),
    ]);
  });
  return renderTable({
    columns: [
      {title: 'APP', shrinks: false},
      {title: 'SILO', shrinks: false},
      {title: 'HOSTS'},
      {title: 'LIVE', shrinks: false},
      {title: 'STAGED', align: 'right', shrinks: false},
      {title: 'LEASE'},
      {title: 'DETAIL'},
    ],
    rows,
    ...tableLook(terminal),
  });
}

/** What hosts printed, folded. */
export function renderOutputs(results: readonly CommandResult[], terminal: Terminal): string {
  return foldOutputs({outputs: nameOutputs(results), colour: terminal.outColour});
}

/** What most hosts printed, and how the others differ. */
export function renderDiff(results: readonly CommandResult[], terminal: Terminal): string {
  return diffOutputs({outputs: nameOutputs(results), colour: terminal.outColour});
}

/** Hosts that failed alike share one reason. */
function nameOutputs(results: readonly CommandResult[]): readonly HostOutput[] {
  const reasons = foldReasons(results.flatMap(({host, failure}) => (failure === undefined ? [] : [{host, why: failure}])));
  return results.map(({host, output, failure}) => ({
    host,
    output,
    ...(failure === undefined ? {} : {failure: reasons.get(host) ?? failure}),
  }));
}
