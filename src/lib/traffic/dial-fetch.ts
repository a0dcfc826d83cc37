import {exchangeHttp, HttpFailure} from './http-exchange.js';
import type {Pause} from './pause.js';
import {requestTimeoutMs, type WarmBatch, type WarmSample, warmHeaders} from './warm-fetch.js';

const maxBodyBytes = 16 * 1024 * 1024;

/** As `fetchWithCurl`, through the link and from here: for hosts without curl. Times include the way to the host. */
export async function fetchThroughDial(
  batch: WarmBatch,
  {now, sleep}: {readonly now: () => number; readonly sleep: Pause},
): Promise<readonly WarmSample[]> {
  const {link, settings, paths, ratePerSecond, concurrency, budgetMs, signal} = batch;
  const headers = warmHeaders(settings);
  const startedAt = now();
  const samples: WarmSample[] = [];
  let next = 0;

  const ask = async (path: string): Promise<WarmSample> => {
    const askedAt = now();
    try {
      const timeoutMs = Math.max(1_000, Math.min(requestTimeoutMs, budgetMs));
      const answer = await exchangeHttp({link, port: settings.port, path, headers, timeoutMs, maxBodyBytes, signal});
      return {kind: 'answered', path, ms: now() - askedAt, status: answer.status, headers: answer.headers};
    } catch (error) {
      if (error instanceof HttpFailure) return {kind: 'failed', path, ms: now() - askedAt, why: error.message, headers: {}};
      throw error;
    }
  };

  const runLane = async (): Promise<void> => {
    while (true) {
      const slot = next;
      const path = paths[slot];
      if (path === undefined) return;
      next += 1;
      const waitMs = startedAt + (slot * 1000) / ratePerSecond - now();
      if (waitMs > 0) await sleep(waitMs, signal);
      if (now() - startedAt >= budgetMs) return;
      samples.push(await ask(path));
    }
  };

  await Promise.all(Array.from({length: Math.max(1, Math.min(concurrency, paths.length))}, runLane));
  const restMs = startedAt + (next * 1000) / ratePerSecond - now();
  if (restMs > 0) await sleep(restMs, signal);
  return samples;
}
