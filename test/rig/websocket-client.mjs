// WebSockets from the operator's namespace: so many stay open, each comes back when it is closed. One JSON line on standard output for each that
// opens (its first message names the host) and each that ends. Every second each says a word and must hear it. Ends when its standard
// input ends. Argument: {"urls": […], "count": 200}
import {WebSocket} from 'undici';

const {urls, count} = JSON.parse(process.argv[2]);
const open = new Set();
let isOver = false;

function tell(line) {
  process.stdout.write(`${JSON.stringify({at: Date.now(), ...line})}\n`);
}

function keepOpen(id) {
  if (isOver) return;
  const socket = new WebSocket(urls[id % urls.length]);
  let host;
  let unheard = 0;
  const saying = setInterval(() => {
    if (socket.readyState !== WebSocket.OPEN) return;
    unheard += 1;
    socket.send(`${id} ${unheard}`);
  }, 1000);
  socket.addEventListener('open', () => open.add(socket));
  socket.addEventListener('message', ({data}) => {
    unheard = 0;
    if (host !== undefined) return;
    host = data;
    tell({kind: 'opened', id, host});
  });
  socket.addEventListener('error', () => undefined);
  socket.addEventListener('close', ({code}) => {
    clearInterval(saying);
    open.delete(socket);
    if (isOver) return;
    tell({kind: host === undefined ? 'refused' : 'cut', id, host, code, unheard});
    setTimeout(keepOpen, 50 + Math.random() * 200, id);
  });
}

for (let id = 0; id < count; id++) keepOpen(id);
process.stdin.on('end', () => {
  isOver = true;
  for (const socket of open) socket.close();
  setTimeout(() => process.exit(0), 200);
});
process.stdin.resume();
