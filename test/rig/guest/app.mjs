// The app of a web host: serves the release that /srv/site/current named when it last (re)loaded. SIGHUP reloads: the cache is emptied
// and `current` is read again. A release that holds a file BROKEN makes /healthz answer 500. /ws is a WebSocket that says the host's name, and
// says back what it hears; a reload leaves it alone.
import {createHash} from 'node:crypto';
import {existsSync, readFileSync, realpathSync, renameSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:http';
import {basename, join, normalize} from 'node:path';

const {host, silo, root, originDelayMs} = JSON.parse(readFileSync('/opt/rig/app.json', 'utf8'));
const contentTypes = {'.html': 'text/html; charset=utf-8', '.xml': 'application/xml', '.css': 'text/css', '.json': 'application/json'};

let release;
let cache = new Map();

function load() {
  cache = new Map();
  try {
    const directory = realpathSync(join(root, 'current'));
    release = {directory, id: basename(directory), broken: existsSync(join(directory, 'BROKEN'))};
  } catch {
    release = undefined;
  }
}

function answer(response, status, body, headers = {}) {
  response.writeHead(status, {
    'content-length': body.length,
    'x-host': host,
    'x-silo': silo,
    ...(release && {'x-release': release.id}),
    ...headers,
  });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

function readEntry(path) {
  const known = cache.get(path);
  if (known) return {entry: known, how: 'hit'};
  const file = join(release.directory, normalize(path.endsWith('/') ? `${path}index.html` : path));
  if (!file.startsWith(`${release.directory}/`)) return {};
  const body = readFileSync(file);
  const type = contentTypes[/\.[a-z]+$/.exec(file)?.[0]] ?? 'application/octet-stream';
  const entry = {body, type, etag: `"${createHash('sha256').update(body).digest('hex').slice(0, 16)}"`};
  cache.set(path, entry);
  return {entry, how: 'miss'};
}

function serve(request, response) {
  const path = decodeURIComponent(request.url.split('?')[0]);
  if (!release) return answer(response, 503, Buffer.from('no release\n'));
  if (path === '/healthz') return answer(response, release.broken ? 500 : 200, Buffer.from(release.broken ? 'broken\n' : 'ok\n'));
  const {entry, how} = readEntry(path);
  if (!entry) return answer(response, 404, Buffer.from('not found\n'));
  const send = () => answer(response, 200, entry.body, {'content-type': entry.type, etag: entry.etag, 'x-cache': how});
  if (how === 'miss' && originDelayMs > 0) setTimeout(send, originDelayMs);
  else send();
}

const server = createServer((request, response) => {
  try {
    serve(request, response);
  } catch (error) {
    answer(response, error.code === 'ENOENT' || error.code === 'EISDIR' ? 404 : 500, Buffer.from(`${error.code ?? error.message}\n`));
  }
});
server.on('upgrade', (request, socket, head) => {
  socket.on('error', () => socket.destroy());
  if (request.url !== '/ws') return socket.destroy();
  const proof = createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: ${proof}\r\n\r\n`);
  const say = (opcode, payload) => socket.write(Buffer.concat([Buffer.from([0x80 | opcode, payload.length]), payload]));
  say(1, Buffer.from(host));
  let heard = head;
  const read = (piece) => {
    heard = Buffer.concat([heard, piece]);
    // Frames of a client: masked, and here never longer than 125 bytes.
    while (heard.length >= 6 && heard.length >= 6 + (heard[1] & 0x7f)) {
      const [opcode, length] = [heard[0] & 0x0f, heard[1] & 0x7f];
      const payload = heard.subarray(6, 6 + length).map((byte, index) => byte ^ heard[2 + (index % 4)]);
      heard = heard.subarray(6 + length);
      if (opcode === 8) return socket.end(Buffer.from([0x88, 0]));
      if (opcode === 1 || opcode === 9) say(opcode === 9 ? 10 : 1, payload);
    }
  };
  read(Buffer.alloc(0));
  socket.on('data', read);
  socket.on('end', () => socket.end());
});
server.keepAliveTimeout = 65_000;
process.on('SIGHUP', load);
process.on('SIGTERM', () => server.close(() => process.exit(0)));
load();
server.listen(8080, '127.0.0.1', () => {
  writeFileSync('/run/app/app.pid.new', `${process.pid}\n`);
  renameSync('/run/app/app.pid.new', '/run/app/app.pid');
});
