import {readFile, realpath, rename, stat, writeFile} from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {type Endpoint, listen, prepareToClose} from './lab-network.js';
import {PageCache} from './page-cache.js';

interface WebAppOptions {
  readonly endpoint: Endpoint;
  readonly host: string;
  readonly silo: string;
  /** The host's own root: the app is in `site/`, requests to reload in `run/`. */
  readonly home: string;
  /** What a page costs that is not in the cache. */
  readonly missCostMs: number;
  /** Milliseconds of a clock that never goes back. */
  readonly nowMs: () => number;
}

export interface WebApp {
  readonly endpoint: Endpoint;
  /** Stops to listen, cuts connections, ends the watch for reloads. */
  close(): Promise<void>;
}

interface Serving {
  readonly release: string;
  readonly broken: boolean;
  readonly cache: PageCache;
}

const reloadPollMs = 50;
/** Longer than the idle time of any client here, so that no request meets a connection that is just being closed. */
const keepAliveMs = 60_000;

/**
 * The web app of a lab host: serves the files of `site/current`, resolved when it starts and at each reload, never in
 * between, like a process that holds its code. A reload is asked for with a new text in `run/reload` and answered in
 * `run/reloaded` with `<release id> <that text>`; it empties the page cache and drops no request.
 */
export async function startWebApp(options: WebAppOptions): Promise<WebApp> {
  const watching = new AbortController();
  let serving = await loadRelease(options);
  const server = http.createServer((request, response) => {
    respond({request, response, serving, options}).catch((error: unknown) => response.destroy(error as Error));
  });
  server.keepAliveTimeout = keepAliveMs;
  const closeServer = prepareToClose(server);
  const endpoint = await listen(server, options.endpoint);
  const watch = answerReloads(options.home, watching.signal, async () => {
    serving = await loadRelease(options);
    return serving?.release;
  });
  return {
    endpoint,
    async close() {
      watching.abort();
      await Promise.all([watch, closeServer()]);
    },
  };
}

async function loadRelease({home, missCostMs, nowMs}: WebAppOptions): Promise<Serving | undefined> {
  const root = await realpath(path.join(home, 'site', 'current')).catch(() => undefined);
  if (root === undefined) return undefined;
  const broken = await stat(path.join(root, 'BROKEN')).then(
    () => true,
    () => false,
  );
  return {release: path.basename(root), broken, cache: new PageCache({root, missCostMs, nowMs})};
}

/** Returns when `signal` aborts. What was asked before the start counts as answered: the start loaded `current`. */
async function answerReloads(home: string, signal: AbortSignal, reload: () => Promise<string | undefined>): Promise<void> {
  const asked = () => readFile(path.join(home, 'run', 'reload'), 'utf8').catch(() => '');
  const answer = path.join(home, 'run', 'reloaded');
  let answered = await asked();
  while (!signal.aborted) {
    await sleep(reloadPollMs);
    const text = await asked();
    if (text === answered || !text.endsWith('\n')) continue;
    const release = (await reload()) ?? 'none';
    const written = await writeAnswer(answer, `${release} ${text}`);
    if (written) answered = text;
  }
}

/** False when the host's disk is full or `run/` is gone: then the next look asks again, and the one who asked sees no answer. */
async function writeAnswer(file: string, text: string): Promise<boolean> {
  try {
    await writeFile(`${file}.new`, text);
    await rename(`${file}.new`, file);
    return true;
  } catch {
    return false;
  }
}

interface Exchange {
  readonly request: http.IncomingMessage;
  readonly response: http.ServerResponse;
  readonly serving: Serving | undefined;
  readonly options: WebAppOptions;
}

async function respond({request, response, serving, options}: Exchange): Promise<void> {
  response.setHeader('x-host', options.host);
  response.setHeader('x-silo', options.silo);
  if (serving !== undefined) response.setHeader('x-release', serving.release);
  const answer = (status: number, text: string) => response.writeHead(status, {'content-type': 'text/plain'}).end(`${text}\n`);

  if (request.method !== 'GET' && request.method !== 'HEAD') return void answer(405, 'GET and HEAD only');
  const pathname = decodePath(request.url ?? '/');
  if (pathname === undefined) return void answer(400, 'bad path');
  if (serving === undefined) return void answer(503, 'no release');
  if (serving.broken) return void answer(500, 'this release is broken');
  if (pathname === '/healthz') return void answer(200, serving.release);

  const cached = await serving.cache.get(pathname);
  if (cached === undefined) return void answer(404, 'no such page');
  const {page, outcome} = cached;
  response.writeHead(200, {
    'content-type': page.type,
    'content-length': page.body.length,
    'x-cache': outcome,
    age: String(Math.floor((options.nowMs() - page.fetchedMs) / 1000)),
  });
  response.end(page.body);
}

function decodePath(url: string): string | undefined {
  try {
    const pathname = decodeURIComponent(new URL(url, 'http://lab').pathname);
    return pathname.includes('\0') ? undefined : pathname;
  } catch {
    return undefined;
  }
}
