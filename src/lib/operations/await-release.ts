import {performance} from 'node:perf_hooks';
import type {App} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import {awaitHealthy} from '../traffic/health-wait.js';
import {useLink} from './on-host.js';
import {ReleaseFailure} from './release-failure.js';
import type {World} from './world.js';

/** Waits until the host is healthy and serves `release`, as far as a probe can tell; gives a word on it. Throws `ReleaseFailure`. */
export async function awaitRelease(world: World, app: App, host: Host, release: string): Promise<string> {
  return useLink(world, host, async (link) => {
    const verdict = await awaitHealthy({
      host,
      link,
      root: app.root,
      probes: app.health,
      expectRelease: release,
      signal: world.signal,
      now: () => performance.now(),
    });
    if (verdict.kind === 'healthy') return verdict.release === undefined ? 'healthy' : `serves ${verdict.release.slice(0, 12)}`;
    throw new ReleaseFailure({code: 'unhealthy', message: `${host.name} is not healthy: ${verdict.why}`, host: host.name});
  });
}
