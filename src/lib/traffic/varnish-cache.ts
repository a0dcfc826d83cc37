import {DroverError} from '../errors/drover-error.js';
import type {Link} from '../host/link.js';
import type {Drain} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import type {Place, Sight} from './everywhere.js';
import {runRemoteProgram} from './remote-program.js';
import {parseBackendList, parseConnections, type VarnishBackend} from './varnish-state.js';

const timeoutMs = 20_000;

/** Words of an order are separate arguments of the operator's commands, whatever these are. */
const program = `
main() {
  set -f
  case $action in
    set) said=$(sh -fc "$admin \\"\\$@\\"" varnishadm backend.set_health "$pattern" "$health" 2>&1 </dev/null) || { printf '%s' "$said"; return 1; } ;;
    view)
      said=$(sh -fc "$admin \\"\\$@\\"" varnishadm backend.list -j 2>&1 </dev/null) || { printf '%s' "$said"; return 1; }
      printf '%s\\ncounters\\n' "$said"
      sh -fc "$stat \\"\\$@\\"" varnishstat -1 -j -f 'VBE.*.conn' 2>/dev/null </dev/null || : ;;
  esac
}
`;

export interface CacheView {
  readonly backends: readonly VarnishBackend[];
  /** Open connections by backend; undefined where varnishstat cannot read them. */
  readonly connections: ReadonlyMap<string, number> | undefined;
}

export interface VarnishSettings {
  readonly drain: Extract<Drain, {kind: 'varnish'}>;
  readonly open: (host: Host, signal: AbortSignal) => Promise<Link>;
}

/** Varnish on one balancer host. Everything throws `DroverError`. */
export class VarnishCache {
  constructor(
    readonly at: Host,
    readonly settings: VarnishSettings,
  ) {}

  /** Backends of the active VCL. */
  async view(signal: AbortSignal): Promise<CacheView> {
    const body = await this.#run({action: 'view', pattern: '', health: ''}, signal);
    const cut = body.indexOf('\ncounters');
    const backends = parseBackendList(body.slice(0, cut));
    if (cut === -1 || backends === undefined) throw this.#refuse(`backend.list answered "${body.slice(0, 80).split('\n')[0]}"`);
    return {backends, connections: parseConnections(body.slice(cut + '\ncounters'.length))};
  }

  /** In every VCL that is loaded: another one may be made active at any time. */
  async setHealth(backend: string, health: 'sick' | 'auto', signal: AbortSignal): Promise<void> {
    await this.#run({action: 'set', pattern: `*.${backend}`, health}, signal);
  }

  async #run(values: Record<string, string>, signal: AbortSignal): Promise<string> {
    const {admin, stat} = this.settings.drain;
    const {status, body} = await runRemoteProgram({
      link: await this.settings.open(this.at, signal),
      label: values.action === 'set' ? `backend.set_health ${values.pattern} ${values.health}` : 'backend.list',
      program,
      values: {admin, stat, ...values},
      timeoutMs,
      maxOutputBytes: 4 * 1024 * 1024,
      signal,
    });
    if (status === 0) return body;
    throw this.#refuse(body.trim().split('\n')[0] ?? '');
  }

  #refuse(fact: string): DroverError {
    return new DroverError({
      code: 'refused',
      host: this.at.name,
      message: `Varnish on ${this.at.name} (${this.settings.drain.admin}): ${fact}`,
      fix: 'check drain.varnish.admin, and that the login user may run it',
    });
  }
}

/** One host at one Varnish. */
export function makeVarnishPlace(cache: VarnishCache, backend: string): Place {
  return {
    name: `Varnish on ${cache.at.name}`,
    look: async (signal) => readSight(await cache.view(signal), backend),
    takeOut: (signal) => cache.setHealth(backend, 'sick', signal),
    putBack: (signal) => cache.setHealth(backend, 'auto', signal),
  };
}

export function readSight({backends, connections}: CacheView, name: string): Sight {
  const isServing = ({admin, isHealthy}: VarnishBackend): boolean => admin === 'healthy' || (admin !== 'sick' && isHealthy);
  const own = backends.find((backend) => backend.name === name);
  return {
    order: own?.admin === 'sick' ? 'out' : 'in',
    isServing: own !== undefined && isServing(own),
    others: backends.filter((backend) => backend !== own && isServing(backend)).length,
    sessions: connections === undefined ? undefined : (connections.get(name) ?? 0),
    isOver: false,
  };
}
