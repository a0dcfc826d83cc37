import type {BalancerKind} from './balancer-stage.js';
import {hasHaproxy, startHaproxy} from './haproxy-process.js';
import {linkLocally} from './local-machine.js';

export const haproxyKind: BalancerKind = {
  name: 'HAProxy',
  isHere: hasHaproxy,
  settings: () => ({
    kind: 'haproxy',
    socket: '/run/admin.sock',
    backends: ['app'],
    on: 'role:balancer',
    servers: {},
    waitMs: 20_000,
    then: 'close',
  }),
  start: async ({directory, name, webs}) => {
    const backend = webs.map(({host, port}) => `server ${host.name} 127.0.0.1:${port}`);
    const running = await startHaproxy({directory, name, backend});
    return {
      port: running.port,
      link: (host) => {
        const link = linkLocally(host);
        return {...link, dial: (_target, signal) => link.dial({kind: 'unix', path: running.socket}, signal)};
      },
      stop: running.stop,
    };
  },
};
