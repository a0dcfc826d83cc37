import {rm} from 'node:fs/promises';
import path from 'node:path';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import type {Happening} from '../../src/lib/events/event.js';
import type {App} from '../../src/lib/inventory/app.js';
import {copiesOf} from '../host/copies-of.js';
import {makeApp, SiteFleet} from './site-fleet.js';

/** A service manager in a few lines: `served` is what the process that it started serves. */
const reloads = 'cp name ../../served';
const servesRelease = {
  kind: 'run',
  command: 'cmp -s name ../../served',
  timeoutMs: 5000,
  intervalMs: 50,
  rise: 1,
  deadlineMs: 400,
} as const;
const {roll} = makeApp();

describe('V11: a service that does not come up', {timeout: 300_000}, () => {
  let fleet: SiteFleet;
  let good: string;
  let next: string;
  const copy = copiesOf(async () => {
    const made = await SiteFleet.make(2);
    good = await made.release('good');
    expect((await made.deploy({run: 'run-1'}, good, {app: makeApp({restart: reloads, health: [servesRelease]})})).exit).toBe(0);
    next = await made.release('next');
    return made;
  });
  beforeEach(async () => {
    fleet = await copy();
  });
  afterEach(() => fleet.remove());

  it.each<[name: string, app: Partial<App>, said: RegExp]>([
    [
      'fails to start',
      {restart: `grep -q next name && { echo "Unit failed"; exit 1; }; ${reloads}`},
      /restart hook ended with status 1: Unit failed/,
    ],
    ['ignores its reload', {restart: `grep -q next name || ${reloads}`}, /web1 is not healthy: run cmp .*: exit 1/],
    ['stays in activating', {restart: `${reloads}; ! grep -q next name || rm ../../served`}, /web1 is not healthy: run cmp .*: exit 2/],
    [
      'crashes some time after it was healthy',
      {restart: reloads, roll: {...roll, soakMs: 200}},
      /web[12] is not healthy: run cmp .*: exit 2/,
    ],
  ])('that %s is seen by the gate, and every host goes back', async (name, more, said) => {
    const why: string[] = [];
    let healthy = 0;
    const hear = async (happening: Happening): Promise<void> => {
      if (happening.kind === 'host-ended') why.push(happening.why ?? '');
      if (happening.kind !== 'step-ended') return;
      if (happening.outcome === 'failed') why.push(happening.detail ?? '');
      if (happening.step !== 'health' || happening.outcome !== 'done') return;
      healthy++;
      // Both were healthy, and the soak begins.
      if (!name.startsWith('crashes') || healthy !== 2) return;
      for (const host of ['web1', 'web2']) await rm(path.join(fleet.folder, host, 'site', 'served'));
    };
    const end = await fleet.deploy({run: 'run-2', hear}, next, {app: makeApp({health: [servesRelease], restart: reloads, ...more})});
    expect([end.outcome, end.exit]).toEqual(['rolled-back', 7]);
    expect(await fleet.live()).toEqual([good, good]);
    expect(why.join('\n')).toMatch(said);
  });
});
