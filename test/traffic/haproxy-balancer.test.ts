import path from 'node:path';
import {describe, expect, it} from 'vitest';
import {createHaproxyBalancer} from '../../src/lib/traffic/haproxy-balancer.js';
import {parseServersState, readServerState} from '../../src/lib/traffic/haproxy-state.js';
import {pause} from '../../src/lib/traffic/pause.js';
import {type HaproxyProcess, hasHaproxy, poll} from './haproxy-process.js';
import {useHaproxySite} from './haproxy-site.js';
import {linkLocally, makeHost, patiently} from './local-machine.js';
import {openTunnel, serveTunnels} from './tunnels.js';
import {serveWeb} from './web-server.js';

const web1 = makeHost('web1');
const web2 = makeHost('web2');
const web3 = makeHost('web3');

describe.skipIf(!hasHaproxy)('a balancer of real HAProxies', () => {
  const {directory, webs, held, servers, start, balance, stateOf, holdSession, failureOf, namedHost, warnings} = useHaproxySite();

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

  it('a client with a cookie reaches a draining host during the wait, and another host after it, without an error', async () => {
    const bound = servers('web1', 'web2').map((line, index) => `${line} cookie w${index + 1}`);
    const one = await start({backend: ['option redispatch', 'cookie SRV insert indirect nocache', ...bound]});
    const ask = async (): Promise<string> => (await fetch(`http://127.0.0.1:${one.port}/`, {headers: {cookie: 'SRV=w1'}})).text();
    await one.ask('set server app/web1 state drain');
    expect(await ask()).toBe('web1');
    await balance([one], {waitMs: 300}).drain(web1, patiently);
    expect(await ask()).toBe('web2');
  });

  it('G13: drains a host in every backend that is named, and warns of one that is not', async () => {
    const one = await start({
      backend: [...servers('web1', 'web2'), 'backend api', ...servers('a1', 'a2'), 'backend other', 'server o 127.0.0.99:1'],
    });
    const map = {web1: 'web1', web2: 'web2'};
    await balance([one], {servers: map}).preflight([web1, web2], patiently);
    expect(warnings).toEqual([
      'web1, web2: also in backend "api" of lb1 with the same address and port, and never drained there; write backend: [app, api] if it should be',
    ]);
    const renamed = [makeHost('one', {address: '127.0.0.1'})];
    const both = await start({
      backend: [
        `server web1 127.0.0.1:${webs[0]?.port}`,
        'server spare 127.0.0.9:1',
        'backend api',
        `server a1 127.0.0.1:${webs[0]?.port}`,
        'server a2 127.0.0.9:1',
      ],
    });
    warnings.length = 0;
    const balancer = balance([both], {backends: ['app', 'api']});
    expect(await balancer.preflight(renamed, patiently)).toEqual([]);
    expect(warnings).toEqual([]);
    await balancer.drain(renamed[0] ?? web1, patiently);
    const states = parseServersState(await both.ask('show servers state'));
    expect(states?.filter((server) => readServerState(server) === 'out').map(({backend, name}) => `${backend}/${name}`)).toEqual([
      'app/web1',
      'api/a1',
    ]);
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

  it('G13: finds hosts by first label, by map and by address, and names what it cannot find', async () => {
    const one = await start({
      backend: [
        `server w1 127.0.0.11:80`,
        `server web2 127.0.0.12:80`,
        `server other 127.0.0.13:80`,
        `server a 127.0.0.14:80`,
        `server b 127.0.0.14:81`,
        'backend api',
        'server w4 127.0.0.14:82',
      ],
    });
    const byLabel = makeHost('web2.eu.example.com');
    const byAddress = makeHost('shop1', {address: '127.0.0.11'});
    const byMap = makeHost('shop3');
    const balancer = balance([one], {servers: {shop3: 'other', shop9: 'w9'}});
    expect(await balancer.preflight([byLabel, byAddress, byMap], patiently)).toEqual([]);
    const list = 'servers: w1, web2, other, a, b';
    const crossed = makeHost('web2', {address: '127.0.0.13'});
    const double = makeHost('shop4', {address: '127.0.0.14'});
    expect(await balancer.preflight([makeHost('web7'), makeHost('shop9'), crossed, double], patiently)).toEqual([
      `host web7 has no server in backend "app" of lb1; ${list}`,
      `host shop9 is mapped to server "w9", which is not in backend "app" of lb1; ${list}`,
      'host web2 has the name of server "web2" (127.0.0.12:80) and the address of server "other" (127.0.0.13:80) in backend "app" of lb1; say which in drain.haproxy.servers',
      'host shop4 has the address of 2 servers in backend "app" of lb1: a (127.0.0.14:80), b (127.0.0.14:81) (also api/w4); say which in drain.haproxy.servers',
    ]);
    expect(await balancer.preflight([byLabel, makeHost('web2.us.example.com')], patiently)).toEqual([
      'hosts web2.eu.example.com and web2.us.example.com are both server "web2" in backend "app" of lb1; say which is which in drain.haproxy.servers',
    ]);
  });

  it('never takes a server of another silo for a host of the same first label', async () => {
    const [eu, us] = [await start(), await start()];
    const balancers = [makeHost('lb-eu', {silo: 'eu'}), makeHost('lb-us', {silo: 'us'})];
    const sockets = [eu.socket, us.socket];
    const balancer = createHaproxyBalancer({
      drain: {
        kind: 'haproxy',
        socket: '/run/admin.sock',
        backends: ['app'],
        on: 'role:balancer',
        servers: {},
        waitMs: 1_000,
        then: 'close',
      },
      balancerHosts: balancers,
      open: async (host) => {
        const link = linkLocally(host);
        return {...link, dial: (_target, signal) => link.dial({kind: 'unix', path: sockets[balancers.indexOf(host)] ?? ''}, signal)};
      },
      sleep: pause,
      now: () => performance.now(),
      warn: async ({message}) => void warnings.push(message),
    });
    const hosts = [makeHost('web1.eu', {silo: 'eu'}), makeHost('web1.us', {silo: 'us'})];
    expect(await balancer.preflight(hosts, patiently)).toEqual([]);
    await balancer.drain(makeHost('web1.us', {silo: 'us'}), patiently);
    expect([await stateOf(eu, 'web1'), await stateOf(us, 'web1')]).toEqual(['in', 'out']);
  });

  it('G1: preflight tells a socket without permission, the master socket and a missing backend apart', async () => {
    const [one, two] = [await start({level: 'operator'}), await start()];
    expect(await balance([one]).preflight([web1], patiently)).toEqual([expect.stringContaining('gives level "operator", not "admin"')]);
    expect(await balance([{socket: two.masterSocket}]).preflight([web1], patiently)).toEqual([
      expect.stringMatching(/HAProxy on lb1 .* answered "show servers state" with "Unknown command.*not the master's/),
    ]);
    expect(await balance([{...two, masterSocket: two.socket}], {master: '/run/master.sock'}).preflight([web1], patiently)).toEqual([
      expect.stringMatching(/HAProxy on lb1 \(\/run\/master.sock\) answered "show proc" with "Unknown command.*haproxy -S/),
    ]);
    expect(await balance([two], {backends: ['shop']}).preflight([web1], patiently)).toEqual([
      'lb1 has no backend "shop" with servers; backends: app',
    ]);
    expect(await balance([]).preflight([web1], patiently)).toEqual(['no host is selected as balancer by drain.haproxy.on "role:balancer"']);
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

  it('refuses a backend name that could end a command', () => {
    expect(() => balance([], {backends: ['app; shutdown sessions']})).toThrow('is not a name in HAProxy');
  });
});
