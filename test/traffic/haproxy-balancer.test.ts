import path from 'node:path';
import {describe, expect, it} from 'vitest';
import {hasHaproxy, poll} from './haproxy-process.js';
import {useHaproxySite} from './haproxy-site.js';
import {makeHost, patiently} from './local-machine.js';

const web1 = makeHost('web1');
const web2 = makeHost('web2');
const web3 = makeHost('web3');

describe.skipIf(!hasHaproxy)('a balancer of real HAProxies', () => {
  const {directory, webs, servers, start, balance, stateOf, holdSession, failureOf, namedHost} = useHaproxySite();

  it('drains into maintenance on all balancers and admits again', async () => {
    const [one, two] = [await start(), await start()];
    const balancer = balance([one, two]);
    expect(await balancer.preflight([web1, web2, web3], patiently)).toEqual([]);
    expect(await balancer.drain(web1, patiently)).toEqual({cut: 0});
    expect([await stateOf(one, 'web1'), await stateOf(two, 'web1')]).toEqual(['out', 'out']);
    expect((await balancer.read([web1, web2], patiently)).map(({state}) => state)).toEqual(['out', 'in']);
    await balancer.admit(web1, patiently);
    await balancer.admit(web1, patiently);
    expect([await stateOf(one, 'web1'), await stateOf(two, 'web1')]).toEqual(['in', 'in']);
  });

  it('refuses to drain the last server in rotation, and a backup server does not count', async () => {
    const backup = `server sorry 127.0.0.1:${webs[2]?.port} backup`;
    const one = await start({backend: [...servers('web1', 'web2'), backup]});
    const balancer = balance([one]);
    await balancer.drain(web1, patiently);
    const error = await failureOf(balancer.drain(web2, patiently));
    expect(error.message).toBe('web2 is the last server in rotation in backend "app" of lb1');
    expect(await stateOf(one, 'web2')).toBe('in');
  });

  it('drains a host that is out already without touching it', async () => {
    const one = await start();
    await one.ask('set server app/web1 state maint');
    expect(await balance([one]).drain(web1, patiently)).toEqual({cut: 0});
    expect(await stateOf(one, 'web1')).toBe('out');
  });

  it('G3: drains nowhere when one of two balancers does not answer', async () => {
    const one = await start();
    const balancer = balance([one, {socket: path.join(directory(), 'absent.sock')}]);
    const error = await failureOf(balancer.drain(web1, patiently));
    expect(error.code).toBe('unreachable');
    expect(await stateOf(one, 'web1')).toBe('in');
    expect(await balancer.preflight([web1], patiently)).toEqual([expect.stringContaining('lb2: cannot open')]);
  });

  it('G3: puts back what was drained when another balancer refuses the order', async () => {
    const one = await start();
    const two = await start({level: 'operator'});
    const error = await failureOf(balance([one, two]).drain(web1, patiently));
    expect(error.problems[0].message).toContain('asked "set server app/web1 state drain": answered "Permission denied"');
    expect(await stateOf(one, 'web1')).toBe('in');
  });

  it('gives up, and leaves the host in rotation, when something sets it ready again and again', async () => {
    const one = await start();
    const session = await holdSession(one);
    const host = namedHost(session.web);
    const draining = failureOf(balance([one], {waitMs: 20_000}).drain(host, patiently));
    for (let time = 0; time < 2; time += 1) {
      await poll(
        () => stateOf(one, host.name),
        (state) => state === 'draining',
      );
      await one.ask(`set server app/${host.name} state ready`);
    }
    expect((await draining).message).toContain(`forgot "state drain" of server "${host.name}" twice`);
    expect(await stateOf(one, host.name)).toBe('in');
  });

  it('G1: a worker that hangs is a problem within the deadline, and nothing is drained', async () => {
    const [one, two] = [await start(), await start()];
    process.kill(two.pid, 'SIGSTOP');
    try {
      const error = await failureOf(balance([one, two]).drain(web1, patiently));
      expect(error.message).toMatch(/HAProxy on lb2 .*: no complete answer within 5 s/);
      expect(await stateOf(one, 'web1')).toBe('in');
    } finally {
      process.kill(two.pid, 'SIGCONT');
    }
  });
});
