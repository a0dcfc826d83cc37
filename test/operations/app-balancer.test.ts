// biome-ignore-all lint/suspicious/noThenProperty: the word of drover.yml; these maps are never awaited
import {describe, expect, it} from 'vitest';
import type {App, Ending} from '../../src/lib/inventory/app.js';
import type {Host, RoleName} from '../../src/lib/inventory/host.js';
import {longestAdmitMs, longestDrainMs, openAppBalancer} from '../../src/lib/operations/app-balancer.js';
import type {World} from '../../src/lib/operations/world.js';
import {linkLocally, makeHost, patiently} from '../traffic/local-machine.js';

const hostOf = (...roles: string[]): Host => ({...makeHost('web1'), roles: roles as RoleName[]});
const endings: readonly Ending[] = [
  {role: 'socket' as RoleName, then: 'abort'},
  {role: 'web' as RoleName, waitMs: 10},
];
const app = {
  name: 'code',
  root: '/srv/code',
  drain: {kind: 'exec', drain: 'true', admit: 'true', sessions: 'echo 3', waitMs: 0, then: 'close'},
} as unknown as App;
const world = {
  inventory: {file: 'inventory.yml', hosts: []},
  links: {open: async (host: Host) => linkLocally(host)},
} as unknown as World;

describe('the balancer of an app', () => {
  it('drains each host as the first ending says whose role it has, and all others as the app does', async () => {
    const balancer = openAppBalancer(world, {...app, endings});
    expect(await balancer.drain(hostOf('db'), patiently)).toEqual({cut: 3});
    expect(await balancer.drain(hostOf('web'), patiently)).toEqual({cut: 3});
    await expect(balancer.drain(hostOf('web', 'socket'), patiently)).rejects.toThrow('drain.then is "abort"');
    expect(await openAppBalancer(world, app).drain(hostOf('socket'), patiently)).toEqual({cut: 3});
  });

  it('counts the longest of all endings in the worst case of a run', () => {
    expect(longestDrainMs(app)).toBe(10_000);
    expect(longestDrainMs({...app, endings: [...endings, {role: 'worker' as RoleName, waitMs: 900_000}]})).toBe(910_000);
    const intake = {kind: 'hooks', pause: 'a', until: 'b', resume: 'c'} as const;
    const paused = {role: 'worker' as RoleName, work: {intake, waitMs: 300_000, then: 'wait', longestMs: 3_600_000} as const};
    const {drain: _, ...undrained} = app;
    expect(longestDrainMs({...undrained, endings: [paused]})).toBe(3_900_000);
    expect(longestAdmitMs({...undrained, endings: [paused]})).toBe(longestAdmitMs(undrained) + 120_000);
  });
});
