import {describe, expect, it} from 'vitest';
import {createHaproxyBalancer} from '../../src/lib/traffic/haproxy-balancer.js';
import {parseServersState, readServerState} from '../../src/lib/traffic/haproxy-state.js';
import {pause} from '../../src/lib/traffic/pause.js';
import {hasHaproxy} from './haproxy-process.js';
import {useHaproxySite} from './haproxy-site.js';
import {linkLocally, makeHost, patiently} from './local-machine.js';

const web1 = makeHost('web1');
const web2 = makeHost('web2');

describe.skipIf(!hasHaproxy)('hosts as real HAProxies name them', () => {
  const {webs, servers, start, balance, stateOf, warnings} = useHaproxySite();

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

  it('refuses a backend name that could end a command', () => {
    expect(() => balance([], {backends: ['app; shutdown sessions']})).toThrow('is not a name in HAProxy');
  });
});
