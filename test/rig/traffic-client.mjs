// Constant load from the operator's namespace. One JSON line per request on standard output; ends at SIGTERM, when its standard input
// ends, or when its time is over, after the requests in flight.
// Argument: {"urls": […], "rate": 100, "freshShare": 0.3, "connections": 8, "forMs": 60000, "timeoutMs": 10000}
import {createHash} from 'node:crypto';
import {Agent, get} from 'node:http';

const {urls, rate, freshShare, connections, forMs, timeoutMs} = JSON.parse(process.argv[2]);
const kept = new Agent({keepAlive: true, maxSockets: connections, scheduling: 'fifo'});
const fresh = new Agent({keepAlive: false});
const intervalMs = 1000 / rate;

/** One GET. Resolves in every case; `untouched` says that a kept connection died before a byte of the answer came. */
function ask(url, agent) {
  return new Promise((resolve) => {
    let answered = false;
    const request = get(url, {agent, headers: {'user-agent': 'drover-rig'}}, (response) => {
      answered = true;
      const body = [];
      response.on('data', (piece) => body.push(piece));
      response.on('error', (error) => resolve({status: response.statusCode, error: `cut: ${error.code ?? error.message}`}));
      response.on('end', () => resolve(describe(response, Buffer.concat(body))));
    });
    request.setTimeout(timeoutMs, () => request.destroy(Object.assign(new Error('timeout'), {code: 'TIMEOUT'})));
    request.on('error', (error) => {
      const code = error.code ?? error.message;
      const closedIdle = code === 'ECONNRESET' || code === 'EPIPE';
      resolve({error: code, untouched: !answered && request.reusedSocket && closedIdle});
    });
  });
}

function describe(response, body) {
  const {headers} = response;
  return {
    status: response.statusCode,
    release: headers['x-release'],
    host: headers['x-host'],
    silo: headers['x-silo'],
    balancer: headers['x-balancer'],
    cache: headers['x-cache'],
    mark: /^<!-- (\S+) -->/.exec(body.subarray(0, 200).toString())?.[1],
    body: createHash('sha256').update(body).digest('hex').slice(0, 12),
  };
}

async function sample(index) {
  const url = urls[index % urls.length];
  const isFresh = Math.floor((index + 1) * freshShare) > Math.floor(index * freshShare);
  const at = Date.now();
  let answer = await ask(url, isFresh ? fresh : kept);
  const retried = answer.untouched === true;
  if (retried) answer = await ask(url, fresh);
  const {untouched: _, ...rest} = answer;
  const line = {at, ms: Date.now() - at, path: new URL(url).pathname, connection: isFresh ? 'fresh' : 'kept', retried, ...rest};
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const startedAt = performance.now();
const inFlight = new Set();
let started = 0;
const timer = setInterval(
  () => {
    const due = Math.floor((performance.now() - startedAt) / intervalMs);
    if (performance.now() - startedAt > forMs) return stop();
    for (; started < due; started++) {
      const one = sample(started).finally(() => inFlight.delete(one));
      inFlight.add(one);
    }
  },
  Math.min(20, intervalMs),
);

async function stop() {
  clearInterval(timer);
  await Promise.all(inFlight);
  kept.destroy();
  process.stdin.destroy();
}
process.on('SIGTERM', stop);
process.stdin.on('end', stop);
process.stdin.resume();
