import {describe, expect, it} from 'vitest';
import {parseServersState} from '../../src/lib/traffic/haproxy-state.js';
import {type HaproxyProcess, hasHaproxy, poll} from './haproxy-process.js';
import {useHaproxySite} from './haproxy-site.js';
import {makeHost, patiently} from './local-machine.js';
import {serveWeb} from './web-server.js';

const web1 = makeHost('web1');
const web2 = makeHost('web2');
const web3 = makeHost('web3');

describe.skipIf(!hasHaproxy)('a host that comes back into rotation at real HAProxies', () => {
  const {webs, servers, start, balance, stateOf, failureOf, warnings} = useHaproxySite();

  const weigh = (from: number, ...names: string[]): string[] => servers(...names).map((line) => `${line} weight ${from}`);
  const ramp = {steps: [25, 50, 100], waitMs: 20};
  const weightOf = async (process: HaproxyProcess, name: string): Promise<number | undefined> =>
    parseServersState(await process.ask('show servers state app'))?.find((server) => server.name === name)?.weight;

  it('gives an admitted host its weight back in steps, the first before it is ready', async () => {
    const one = await start({backend: weigh(100, 'web1', 'web2')});
    const seen: unknown[] = [];
    const balancer = balance([one], {ramp}, undefined, async () => {
      seen.push([await stateOf(one, 'web1'), await weightOf(one, 'web1')]);
    });
    await balancer.drain(web1, patiently);
    seen.length = 0;
    await balancer.admit(web1, patiently);
    expect(seen).toEqual([
      ['in', 25],
      ['in', 50],
    ]);
    expect(await weightOf(one, 'web1')).toBe(100);
    await balancer.admit(web1, patiently);
    expect(seen).toHaveLength(2);
  });

  it('goes on with a ramp in which an earlier run was killed', async () => {
    const one = await start({backend: weigh(80, 'web1', 'web2')});
    const cut = new AbortController();
    const balancer = balance([one], {ramp}, undefined, async (_, signal) => {
      if ((await weightOf(one, 'web1')) === 40) cut.abort(new Error('killed'));
      signal.throwIfAborted();
    });
    await one.ask('set server app/web1 state maint');
    await expect(balancer.admit(web1, cut.signal)).rejects.toThrow('killed');
    expect([await stateOf(one, 'web1'), await weightOf(one, 'web1')]).toEqual(['in', 40]);
    await balance([one], {ramp}).admit(web1, patiently);
    expect(await weightOf(one, 'web1')).toBe(80);
  });

  it('admits at full weight, and says so, where the algorithm takes no share of it', async () => {
    const one = await start({backend: ['balance static-rr', ...weigh(100, 'web1', 'web2')]});
    const balancer = balance([one], {ramp});
    expect(await balancer.preflight([web1, web2], patiently)).toEqual([]);
    expect(warnings).toEqual([
      'no ramp in backend "app" of lb1: balance static-rr takes the whole weight or nothing; use roundrobin or leastconn',
    ]);
    await balancer.drain(web1, patiently);
    await balancer.admit(web1, patiently);
    expect([await stateOf(one, 'web1'), await weightOf(one, 'web1')]).toEqual(['in', 100]);
    expect(warnings[1]).toMatch(/^no ramp for web1 in backend "app" of lb1: it said: .*only accepts weights '0%' and '100%'/);
  });

  it('never lets a share of a small weight become none', async () => {
    const one = await start({backend: servers('web1', 'web2')});
    const balancer = balance([one], {ramp});
    await balancer.preflight([web1, web2], patiently);
    expect(warnings).toEqual(['no ramp for 2 servers in backend "app" of lb1: 25% of weight 1 is none; write "weight 100" in haproxy.cfg']);
    await balancer.drain(web1, patiently);
    await balancer.admit(web1, patiently);
    expect([await stateOf(one, 'web1'), await weightOf(one, 'web1')]).toEqual(['in', 1]);
  });

  it('warns of clients that are bound to servers, as far as HAProxy tells', async () => {
    const bound = servers('web1', 'web2').map((line, index) => `${line} cookie w${index}`);
    const one = await start({backend: ['cookie SRV insert indirect nocache', 'stick-table type ip size 1k', 'stick on src', ...bound]});
    expect(await balance([one]).preflight([web1], patiently)).toEqual([]);
    expect(warnings).toEqual([
      'backend "app" of lb1 has cookie SRV and a stick table: a host that drains still gets the clients that are bound to it, until it goes into maintenance after drain.wait',
    ]);
  });

  it('says which balancer does not see an admitted host as up, and why', async () => {
    const dead = await serveWeb(() => undefined);
    await dead.stop();
    const one = await start({backend: [...servers('web1', 'web2'), `server web3 127.0.0.1:${dead.port} check inter 50ms fall 1`]});
    await poll(
      () => stateOf(one, 'web3'),
      (state) => state === 'down',
    );
    const error = await failureOf(balance([one], {}, 300).admit(web3, patiently));
    expect(error.message).toBe('web3 is not up 0.3 s after it was set ready: down (L4CON Connection refused) at lb1');
  });

  it('admits a server that the configuration disables', async () => {
    const one = await start({backend: [...servers('web1', 'web2'), `server web3 127.0.0.1:${webs[2]?.port} disabled`]});
    const balancer = balance([one]);
    expect((await balancer.read([web3], patiently))[0]?.state).toBe('out');
    await balancer.admit(web3, patiently);
    expect((await balancer.read([web3], patiently))[0]?.state).toBe('in');
  });
});
