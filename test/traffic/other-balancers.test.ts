import {access, mkdir, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {DroverError} from '../../src/lib/errors/drover-error.js';
import type {Drain} from '../../src/lib/inventory/app.js';
import type {Host} from '../../src/lib/inventory/host.js';
import type {Balancer} from '../../src/lib/traffic/balancer.js';
import {openBalancer} from '../../src/lib/traffic/open-balancer.js';
import {linkLocally, makeHost, patiently} from './local-machine.js';

const web1 = makeHost('web1');
const web2 = makeHost('web2');
let directory: string;
let slept: number[];

beforeEach(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'drover-balancer-'));
  slept = [];
});

afterEach(() => rm(directory, {recursive: true, force: true}));

const balance = (
  drain: Drain | undefined,
  balancerHosts: readonly Host[] = [],
  root = directory,
  isDead: (host: Host) => boolean = () => false,
): Balancer =>
  openBalancer(drain, {
    balancerHosts,
    root,
    open: async (host) => {
      if (isDead(host)) throw new DroverError({code: 'unreachable', message: `${host.name}: no route to the host`, host: host.name});
      return linkLocally(host, {env: {HOME: directory, AT: host.name}});
    },
    sleep: async (ms, signal) => {
      signal.throwIfAborted();
      slept.push(ms);
    },
    now: () => performance.now(),
    warn: async () => undefined,
  });

const exists = (file: string): Promise<boolean> =>
  access(path.join(directory, file)).then(
    () => true,
    () => false,
  );

describe('the file balancer', () => {
  const drain: Drain = {kind: 'file', path: 'shared/it\'s "up" $(true)', settleMs: 6_000, waitMs: 1_000, then: 'close'};

  it('removes the readiness file, makes it again, and waits for the balancer to notice', async () => {
    await mkdir(path.join(directory, 'shared'));
    const balancer = balance(drain);
    expect(await balancer.preflight([web1], patiently)).toEqual([]);
    await balancer.admit(web1, patiently);
    expect(await exists(drain.path)).toBe(true);
    expect((await balancer.read([web1], patiently))[0]?.state).toBe('in');
    expect(await balancer.drain(web1, patiently)).toEqual({cut: 0});
    expect(await exists(drain.path)).toBe(false);
    expect((await balancer.read([web1], patiently))[0]?.state).toBe('out');
    expect(slept).toEqual([6_000, 6_000]);
  });

  it('reads a host that nobody can reach as down, and leaves it to the budget of the run', async () => {
    const half = balance(drain, [], directory, (host) => host.name === 'web2');
    await mkdir(path.join(directory, 'shared'));
    await half.admit(web1, patiently);
    expect(await half.preflight([web1, web2], patiently)).toEqual([]);
    expect((await half.read([web1, web2], patiently)).map(({host, state}) => [host.name, state])).toEqual([
      ['web1', 'in'],
      ['web2', 'down'],
    ]);
    await expect(half.drain(web2, patiently)).rejects.toThrow('web2: no route');
  });

  it('leaves the content of a readiness file alone', async () => {
    await writeFile(path.join(directory, 'ready'), 'weight=5');
    await balance({...drain, path: 'ready'}, [], '~/').admit(web1, patiently);
    expect(await readFile(path.join(directory, 'ready'), 'utf8')).toBe('weight=5');
  });

  it('says in preflight why it could not work', async () => {
    expect(await balance({...drain, path: '/nowhere/ready'}).preflight([web1], patiently)).toEqual([
      'readiness file /nowhere/ready on web1: /nowhere is not a directory',
    ]);
  });

  it('refuses when the file cannot be removed', async () => {
    await mkdir(path.join(directory, 'ready'));
    await expect(balance({...drain, path: 'ready'}).drain(web1, patiently)).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringContaining('directory'),
    });
  });
});

describe('the exec balancer', () => {
  const drain: Extract<Drain, {kind: 'exec'}> = {
    kind: 'exec',
    drain: 'echo "drain $DROVER_HOST at $AT" >>log',
    admit: 'echo "admit $DROVER_HOST at $AT" >>log',
    waitMs: 60_000,
    then: 'close',
  };
  const readLog = async (): Promise<string[]> => (await readFile(path.join(directory, 'log'), 'utf8')).trim().split('\n');

  it('runs the commands on the host itself', async () => {
    const balancer = balance(drain);
    expect(await balancer.drain(web1, patiently)).toEqual({cut: 0});
    await balancer.admit(web1, patiently);
    expect(await readLog()).toEqual(['drain web1 at web1', 'admit web1 at web1']);
  });

  it('reads a host that nobody can reach as down, but needs every balancer host', async () => {
    const dead = (host: Host): boolean => host.name === 'web2' || host.name === 'lb2';
    const counted = {...drain, sessions: 'echo 3'};
    expect(
      (await balance(counted, [], directory, dead).read([web1, web2], patiently)).map(({state, sessions}) => [state, sessions]),
    ).toEqual([
      ['in', 3],
      ['down', 0],
    ]);
    const behind = balance({...counted, on: 'role:balancer'}, [makeHost('lb1'), makeHost('lb2')], directory, dead);
    await expect(behind.read([web1], patiently)).rejects.toThrow('lb2: no route');
  });

  it('runs the commands on each of the hosts it is told to', async () => {
    await balance({...drain, on: 'role:balancer'}, [makeHost('lb1'), makeHost('lb2')]).drain(web1, patiently);
    expect(await readLog()).toEqual(['drain web1 at lb1', 'drain web1 at lb2']);
    expect(await balance({...drain, on: 'role:balancer'}).preflight([web1], patiently)).toEqual([
      'no host is selected by drain.exec.on "role:balancer"',
    ]);
  });

  it('admits again where it had drained when a later place fails', async () => {
    const command = `${drain.drain}; [ "$AT" = lb1 ] || { echo broken; exit 7; }`;
    const balancer = balance({...drain, drain: command, on: 'x'}, [makeHost('lb1'), makeHost('lb2')]);
    await expect(balancer.drain(web1, patiently)).rejects.toMatchObject({message: 'drain.exec.drain for web1 on lb2: exit 7: broken'});
    expect(await readLog()).toEqual(['drain web1 at lb1', 'drain web1 at lb2', 'admit web1 at lb1', 'admit web1 at lb2']);
  });

  it('waits until two counts in a row are zero', async () => {
    await writeFile(path.join(directory, 'counts'), '2\n0\n1\n0\n0\n');
    const sessions = 'sed -n 1p counts; sed -i 1d counts';
    expect(await balance({...drain, sessions}).drain(web1, patiently)).toEqual({cut: 0});
    expect(await readFile(path.join(directory, 'counts'), 'utf8')).toBe('');
  });

  it('counts what is cut under close, and gives the host up under abort', async () => {
    expect(await balance({...drain, sessions: 'echo 4', waitMs: 0}).drain(web1, patiently)).toEqual({cut: 4});
    await expect(balance({...drain, sessions: 'echo 4', waitMs: 0, then: 'abort'}).drain(web1, patiently)).rejects.toThrow(
      'web1 still has 4 open sessions',
    );
    expect((await readLog()).at(-1)).toBe('admit web1 at web1');
    await expect(balance({...drain, sessions: 'echo many'}).drain(web1, patiently)).rejects.toThrow('printed "many", not a number');
  });
});

describe('no balancer', () => {
  it('holds every host in rotation', async () => {
    const balancer = balance(undefined);
    expect(balancer.kind).toBe('none');
    expect(await balancer.read([web1], patiently)).toEqual([{host: web1, state: 'in', sessions: 0}]);
    expect(await balancer.drain(web1, patiently)).toEqual({cut: 0});
  });
});
