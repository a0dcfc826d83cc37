import http from 'node:http';
import type {Endpoint} from './lab-network.js';
import type {CheckResult} from './pool-server.js';

interface CheckOptions {
  readonly endpoint: Endpoint;
  readonly timeoutMs: number;
  readonly nowMs: () => number;
  readonly signal: AbortSignal;
}

/** One GET /healthz on a connection of its own. 2xx and 3xx pass, as with `option httpchk`. Never rejects. */
export function checkServer({endpoint, timeoutMs, nowMs, signal}: CheckOptions): Promise<CheckResult> {
  const startedMs = nowMs();
  return new Promise((resolve) => {
    const end = (status: CheckResult['status'], code?: number) => {
      const durationMs = Math.round(nowMs() - startedMs);
      resolve(code === undefined ? {status, durationMs} : {status, code, durationMs});
    };
    const deadline = AbortSignal.timeout(timeoutMs);
    const request = http.get({
      host: endpoint.address,
      port: endpoint.port,
      path: '/healthz',
      agent: false,
      headers: {host: 'lab'},
      signal: AbortSignal.any([signal, deadline]),
    });
    request.on('error', () => end(deadline.aborted ? 'L7TOUT' : 'L4CON'));
    request.on('response', (response) => {
      const code = response.statusCode ?? 0;
      response.on('error', () => end('L7TOUT'));
      response.on('end', () => end(code >= 200 && code < 400 ? 'L7OK' : 'L7STS', code));
      response.resume();
    });
  });
}
