import type {Balancer} from './balancer.js';

/** For apps without `drain`: every host is in rotation, always. */
export function createNoBalancer(): Balancer {
  return {
    kind: 'none',
    preflight: async () => [],
    read: async (hosts) => hosts.map((host) => ({host, state: 'in', sessions: 0})),
    drain: async () => ({cut: 0}),
    admit: async () => undefined,
  };
}
