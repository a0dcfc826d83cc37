import type {Agent} from 'undici';
import type {DroverEvent} from './event.js';
import type {Courier, Delivery} from './outbox.js';

const tryMs = 5_000;

function describe(reason: unknown): string {
  if (!(reason instanceof Error)) return String(reason);
  if (reason.name === 'TimeoutError' || reason.name === 'AbortError') return 'no answer';
  return 'code' in reason && typeof reason.code === 'string' ? reason.code : reason.message;
}

/** The HTTP client, loaded at the first event: most commands have no receiver. */
async function openAgent(): Promise<{readonly agent: Agent; readonly request: typeof import('undici').request}> {
  const {default: undici} = await import('undici');
  return {agent: new undici.Agent({connections: 1, pipelining: 1, connect: {timeout: tryMs}}), request: undici.request};
}

/**
 * Posts events as JSON, one request each, 5 s at most. 2xx is taken; no connection, 408, 429 and 5xx are for later;
 * any other status is refused. Redirects are not followed. Only the origin of the URL is ever told: hooks hold secrets.
 */
export function createHttpCourier({name, url}: {readonly name: string; readonly url: URL}): Courier {
  let opened: ReturnType<typeof openAgent> | undefined;

  async function post(event: DroverEvent, signal: AbortSignal): Promise<Delivery> {
    opened ??= openAgent();
    const {agent, request} = await opened;
    try {
      const {statusCode, body} = await request(url, {
        method: 'POST',
        dispatcher: agent,
        headers: {'content-type': 'application/json'},
        body: JSON.stringify(event),
        signal: AbortSignal.any([signal, AbortSignal.timeout(tryMs)]),
      });
      await body.dump();
      if (statusCode >= 200 && statusCode < 300) return {kind: 'taken'};
      const transient = statusCode >= 500 || statusCode === 408 || statusCode === 429;
      return {kind: transient ? 'later' : 'refused', why: `answered ${statusCode}`};
    } catch (reason) {
      return {kind: 'later', why: describe(reason)};
    }
  }

  return {
    name,
    post,
    async close() {
      await (await opened)?.agent.destroy();
    },
  };
}
