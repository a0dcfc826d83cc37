import {appendFileSync} from 'node:fs';
import {describe, expect, it} from 'vitest';
import {expandHostSet} from '../../src/lib/inventory/host-set.js';
import {rigAvailable} from './available.js';
import {connectSeconds, type FleetRun, findLastEnd, LargeFleet} from './large-fleet.js';

/** A campaign only: it takes minutes. */
const available = process.env.EVERY_STEP === '1' ? rigAvailable() : ({ok: false, why: 'npm run prove:fleet'} as const);
const count = Number(process.env.PROOF_HOSTS || 400);
const figures = process.env.PROOF_FIGURES;

/** Hosts worked on at once, where no flag says it. */
const atOnce = 64;
const connectMs = connectSeconds * 1000;
/** What a line of 64 kbit/s may take for one command. */
const slowestMs = 20_000;

/** Sets of hosts that the answer says did not end well: one for each group. */
const badGroups: Readonly<Record<string, RegExp>> = {
  run: /^--- (\S+) \(\d+\) \S.*$/gm,
  health: /^(\S+)\s+\S+\s+unreachable\s.*$/gm,
  deploy: /^ +(?:debt|failed) +(?:[\d,]+ hosts: )?(\S+).*$/gm,
};

interface Expected {
  readonly command: string;
  readonly status: number;
  /** The same without bad hosts. */
  readonly undisturbedMs: number;
  /** How often a host that does not answer is asked. */
  readonly attempts: number;
  /** Undefined for one that prints it in its plan. */
  readonly boundMs?: number;
}

/** What was measured, and what is wrong with it. */
function judge(fleet: LargeFleet, run: FleetRun, {command, status, undisturbedMs, attempts, boundMs}: Expected) {
  const {lost, bad} = fleet;
  const planned = run.events.find((event) => event.kind === 'planned');
  const limitMs = boundMs ?? planned?.boundMs ?? 0;
  const groups = [...run.stdout.matchAll(badGroups[command] ?? /$^/g)].map(([, set = '']) => expandHostSet(set));
  const normalMs = findLastEnd(
    run,
    fleet.hosts.map(({name}) => name).filter((name) => !bad.has(name)),
  );
  const slowMs = findLastEnd(
    run,
    [...bad].filter(([, fault]) => fault === 'slow').map(([host]) => host),
  );
  // Hosts that do not answer have lanes for as long as they are waited for; nobody else waits longer than for those.
  const heldUpMs =
    2 * undisturbedMs + (attempts * connectMs * lost.length) / atOnce + (command === 'deploy' ? attempts * connectMs + 6_000 : 0);
  const named = groups.flat();
  const violations = [
    ...(run.status === status ? [] : [`ended with ${run.status}, not ${status}: ${run.stderr.slice(-500)}`]),
    ...(run.wallMs <= limitMs ? [] : [`took ${run.wallMs} ms, and its bound was ${limitMs} ms`]),
    ...(normalMs === undefined ? ['a healthy host did not end well'] : []),
    ...(normalMs !== undefined && normalMs > heldUpMs ? [`healthy hosts waited for bad ones: ${normalMs} ms, at most ${heldUpMs} ms`] : []),
    ...(slowMs === undefined ? ['a slow host did not end well'] : []),
    ...lost.filter((host) => !named.includes(host)).map((host) => `${host} is bad and not named`),
    ...named.filter((host) => !lost.includes(host)).map((host) => `${host} is named and not bad`),
    // Refused, no route, no answer, in each of the two silos.
    ...(groups.length <= 8 ? [] : [`${lost.length} bad hosts are told in ${groups.length} groups`]),
  ].map((what) => `${command}: ${what}`);
  const {wallMs} = run;
  return {command, status: run.status, undisturbedMs, normalMs, slowMs, wallMs, limitMs, groups: groups.length, violations};
}

describe.skipIf(!available.ok)(`a large fleet${available.ok ? '' : ` (${available.why})`}`, {timeout: 6 * 60 * 60_000}, () => {
  it('H1 B1 B2 B5: ends within its bound with one host in twenty dead, one slow, one hanging; names them, and keeps nobody else waiting', async () => {
    const fleet = await LargeFleet.raise(count);
    try {
      await fleet.change('one', 0);
      const first = await fleet.drover('deploy', '--yes');
      expect(first.status, first.stderr).toBe(0);
      const run = await fleet.drover('run', '--', 'cat', '/srv/site/current/index.html');
      expect(run.status, run.stderr).toBe(0);
      const health = await fleet.drover('health');
      expect(health.status, health.stderr).toBe(0);

      await fleet.harm();
      const lost = fleet.lost.length;
      // Every host that does not answer has a lane for so long, and one of them may be the last to begin.
      const bound = (undisturbedMs: number, attempts: number) => 2 * undisturbedMs + attempts * connectMs * (lost / atOnce + 1) + slowestMs;
      const again = await fleet.drover('run', '--', 'cat', '/srv/site/current/index.html');
      const asked = await fleet.drover('health');
      await fleet.change('two', lost);
      const deployed = await fleet.drover('deploy', '--yes');
      const judged = [
        judge(fleet, again, {command: 'run', status: 8, undisturbedMs: run.wallMs, attempts: 1, boundMs: bound(run.wallMs, 1)}),
        judge(fleet, asked, {command: 'health', status: 10, undisturbedMs: health.wallMs, attempts: 2, boundMs: bound(health.wallMs, 2)}),
        judge(fleet, deployed, {command: 'deploy', status: 8, undisturbedMs: first.wallMs, attempts: 3}),
      ];
      await fleet.heal();
      const last = await fleet.drover('deploy', '--yes');
      const violations = [
        ...judged.flatMap((each) => each.violations),
        ...(last.status === 0 ? [] : [`the next deploy ended with ${last.status}: ${last.stderr.slice(-500)}`]),
      ];
      const whole = {hosts: count, lost, raisedMs: fleet.raisedMs, healedMs: last.wallMs, judged, violations};
      if (figures !== undefined) appendFileSync(figures, `${JSON.stringify(whole)}\n`);
      expect(violations).toEqual([]);
    } finally {
      await fleet.rig.stop();
    }
  });
});
