import {describe, expect, it} from 'vitest';
import {pause} from '../../src/lib/traffic/pause.js';
import {hasHaproxy, poll} from './haproxy-process.js';
import {useHaproxySite} from './haproxy-site.js';
import {makeHost, patiently} from './local-machine.js';
import {openTunnel, serveTunnels} from './tunnels.js';

const web1 = makeHost('web1');

describe.skipIf(!hasHaproxy)('what is open on a host that leaves real HAProxies', () => {
  const {held, servers, start, balance, stateOf, holdSession, failureOf, namedHost, warnings} = useHaproxySite();

  it('waits for an open session, and the drained host gets no new one', async () => {
    const one = await start();
    const session = await holdSession(one);
    const host = namedHost(session.web);
    const draining = balance([one], {waitMs: 20_000}).drain(host, patiently);
    await poll(
      () => stateOf(one, host.name),
      (state) => state === 'draining',
    );
    const answers = await Promise.all(Array.from({length: 6}, async () => (await fetch(`http://127.0.0.1:${one.port}/`)).text()));
    expect(answers).not.toContain(host.name);
    held[0]?.response.end('done');
    expect(await session.ended).toBe(200);
    expect(await draining).toEqual({cut: 0});
  });

  it('G4: cuts what is left after the wait when the policy is close, and counts it', async () => {
    const one = await start();
    const session = await holdSession(one);
    const host = namedHost(session.web);
    expect(await balance([one], {waitMs: 300}).drain(host, patiently)).toEqual({cut: 1});
    expect(await session.ended).not.toBe(200);
    expect(await stateOf(one, host.name)).toBe('out');
  });

  it('G4: puts the host back and refuses when the policy is abort', async () => {
    const one = await start();
    const session = await holdSession(one);
    const host = namedHost(session.web);
    const error = await failureOf(balance([one], {waitMs: 300, then: 'abort'}).drain(host, patiently));
    expect(error.message).toBe(`${host.name} still has 1 open session after 0.3 s, and drain.then is "abort"`);
    expect(await stateOf(one, host.name)).toBe('in');
    held[0]?.response.end('done');
    expect(await session.ended).toBe(200);
  });

  it('G4: waits on for what is left, in maintenance, when the policy is wait', async () => {
    const one = await start();
    const session = await holdSession(one);
    const host = namedHost(session.web);
    const draining = balance([one], {waitMs: 300, then: 'wait', longestMs: 20_000}).drain(host, patiently);
    await poll(
      () => stateOf(one, host.name),
      (state) => state === 'out',
    );
    held[0]?.response.end('done');
    expect(await session.ended).toBe(200);
    expect(await draining).toEqual({cut: 0});
  });

  it('G4: gives the host up and puts it back when the policy is wait and it takes too long', async () => {
    const one = await start();
    const session = await holdSession(one);
    const host = namedHost(session.web);
    const error = await failureOf(balance([one], {waitMs: 100, then: 'wait', longestMs: 500}).drain(host, patiently));
    expect(error.message).toBe(`${host.name} still has 1 open session after 0.5 s, and drain.then is "wait"`);
    expect(await stateOf(one, host.name)).toBe('in');
  });

  it('closes long connections a few at a time, so that their clients come back to the other host a few at a time', async () => {
    const tunnels = await Promise.all([serveTunnels(), serveTunnels()]);
    const [first, second] = tunnels;
    const one = await start({backend: tunnels.map(({port}, index) => `server web${index + 1} 127.0.0.1:${port}`)});
    const clients = Array.from({length: 24}, () => openTunnel(one.port));
    await Promise.all(clients.map((client) => client.opened));
    expect([first.open(), second.open()]).toEqual([12, 12]);
    const cameBack: Promise<unknown>[] = [];
    for (const client of clients) void client.closed.then(() => cameBack.push(openTunnel(one.port).opened));
    const steps: number[] = [];
    const watching = async (ms: number, signal: AbortSignal): Promise<void> => {
      await pause(ms, signal);
      await Promise.all(cameBack);
      if (steps.at(-1) !== second.open()) steps.push(second.open());
    };
    expect(await balance([one], {waitMs: 0, closeOverMs: 2_400}, undefined, watching).drain(web1, patiently)).toEqual({cut: 12});
    await poll(
      async () => second.open(),
      (open) => open === 24,
    );
    expect(first.open()).toBe(0);
    expect(steps.length).toBeGreaterThan(4);
    const largest = Math.max(...steps.map((open, index) => open - (steps[index - 1] ?? 12)));
    expect(largest).toBeLessThan(12);
    for (const tunnel of tunnels) await tunnel.stop();
  });

  it('a client with a cookie reaches a draining host during the wait, and another host after it, without an error', async () => {
    const bound = servers('web1', 'web2').map((line, index) => `${line} cookie w${index + 1}`);
    const one = await start({backend: ['option redispatch', 'cookie SRV insert indirect nocache', ...bound]});
    const ask = async (): Promise<string> => (await fetch(`http://127.0.0.1:${one.port}/`, {headers: {cookie: 'SRV=w1'}})).text();
    await one.ask('set server app/web1 state drain');
    expect(await ask()).toBe('web1');
    await balance([one], {waitMs: 300}).drain(web1, patiently);
    expect(await ask()).toBe('web2');
  });

  it('puts the host back when the wait is aborted', async () => {
    const one = await start();
    const session = await holdSession(one);
    const host = namedHost(session.web);
    const controller = new AbortController();
    const draining = balance([one]).drain(host, controller.signal);
    await poll(
      () => stateOf(one, host.name),
      (state) => state === 'draining',
    );
    controller.abort(new Error('second Ctrl-C'));
    await expect(draining).rejects.toThrow();
    expect(await stateOf(one, host.name)).toBe('in');
  });

  it('repeats an order that a reload in the middle of the wait made HAProxy forget', async () => {
    const one = await start();
    const session = await holdSession(one);
    const host = namedHost(session.web);
    const draining = balance([one], {waitMs: 20_000, master: '/run/master.sock'}).drain(host, patiently);
    await poll(
      () => stateOf(one, host.name),
      (state) => state === 'draining',
    );
    await one.reload();
    expect(await draining).toEqual({cut: 0});
    expect(await stateOf(one, host.name)).toBe('out');
    expect(warnings[0]).toBe(`HAProxy on lb1 was reloaded while ${host.name} left it: told again`);
  });

  it('waits for the sessions of a worker that a reload left behind, where the master can be asked', async () => {
    const one = await start({hardStopAfter: '60s'});
    const session = await holdSession(one);
    const host = namedHost(session.web);
    await one.reload();
    const balancer = balance([one], {waitMs: 20_000, master: '/run/master.sock'});
    expect((await balancer.read([host], patiently))[0]).toMatchObject({state: 'in'});
    const draining = balancer.drain(host, patiently);
    const ending = draining.then(() => 'drained');
    await poll(
      () => stateOf(one, host.name),
      (state) => state === 'draining',
    );
    held[0]?.response.end('done');
    expect(await Promise.race([ending, session.ended])).toBe(200);
    expect(await draining).toEqual({cut: 0});
    expect(warnings).toEqual([]);
  });

  it('closes the sessions of a worker that a reload left behind', async () => {
    const one = await start({hardStopAfter: '60s'});
    const session = await holdSession(one);
    await one.reload();
    const balancer = balance([one], {waitMs: 300, master: '/run/master.sock'});
    expect(await balancer.drain(namedHost(session.web), patiently)).toEqual({cut: 1});
    expect(await session.ended).not.toBe(200);
  });

  it('says that it cannot see them where it does not know the master, and waits all the time', async () => {
    const one = await start({hardStopAfter: '60s'});
    const session = await holdSession(one);
    const host = namedHost(session.web);
    const refused = failureOf(balance([one], {waitMs: 1_500, then: 'abort'}).drain(host, patiently));
    await poll(
      () => stateOf(one, host.name),
      (state) => state === 'draining',
    );
    await one.reload();
    expect((await refused).message).toBe(`${host.name} still has 1 open session after 1.5 s, and drain.then is "abort"`);
    expect(warnings).toEqual([
      `HAProxy on lb1 was reloaded while ${host.name} left it: told again; 1 session of the worker before it cannot be seen, so all of drain.wait is waited: set drain.haproxy.master`,
    ]);
    expect(await stateOf(one, host.name)).toBe('in');
  });
});
