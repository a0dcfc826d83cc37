/** One backend of the active VCL. */
export interface VarnishBackend {
  readonly name: string;
  /** `sick` and `healthy` are forced; `probe` leaves it to the probe. A backend without one is `healthy` when left alone. */
  readonly admin: string;
  /** What its probe says; true without one. */
  readonly isHealthy: boolean;
}

/** `backend.list -j`, without directors. Undefined when the text is anything else. */
export function parseBackendList(text: string): readonly VarnishBackend[] | undefined {
  const list: unknown = parseJson(text);
  const entries: unknown = Array.isArray(list) ? list.at(-1) : undefined;
  if (!isMap(entries)) return undefined;
  const backends: VarnishBackend[] = [];
  for (const [name, facts] of Object.entries(entries)) {
    if (!isMap(facts) || typeof facts.admin_health !== 'string') return undefined;
    if (facts.type !== 'backend') continue;
    const said: unknown = Array.isArray(facts.probe_message) ? facts.probe_message.at(-1) : undefined;
    backends.push({name: nameOf(name), admin: facts.admin_health, isHealthy: said !== 'sick'});
  }
  return backends;
}

/** Connections in use by backend over all VCLs, from `varnishstat -1 -j`. Undefined when it said nothing that can be read. */
export function parseConnections(text: string): ReadonlyMap<string, number> | undefined {
  const report = parseJson(text);
  const counters = isMap(report) ? report.counters : undefined;
  if (!isMap(counters)) return undefined;
  const sums = new Map<string, number>();
  for (const [name, counter] of Object.entries(counters)) {
    const backend = /^VBE\.(.*)\.conn$/.exec(name)?.[1];
    if (backend === undefined || !isMap(counter) || typeof counter.value !== 'number') continue;
    sums.set(nameOf(backend), (sums.get(nameOf(backend)) ?? 0) + counter.value);
  }
  return sums;
}

/** Without the VCL: `boot.web1` is `web1`. */
function nameOf(full: string): string {
  return full.slice(full.lastIndexOf('.') + 1);
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
