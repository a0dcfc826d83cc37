import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {connect} from 'node:net';

/** A port whose queue of connections is full and never read: the kernel drops the first packet of any other. */
export async function startFullServer(address = '127.0.0.1', wanted = 0): Promise<{readonly port: number; close(): void}> {
  const script = `const s = require('net').createServer().listen({port: ${wanted}, host: '${address}', backlog: 1}, () => console.log(s.address().port))`;
  const child = spawn(process.execPath, ['-e', script], {stdio: ['ignore', 'pipe', 'inherit']});
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(line.toString());
  child.kill('SIGSTOP');
  const fillers = Array.from({length: 4}, () => connect(port, address).on('error', () => undefined));
  await Promise.race(fillers.map((socket) => once(socket, 'connect')));
  return {
    port,
    close() {
      for (const socket of fillers) socket.destroy();
      child.kill('SIGKILL');
    },
  };
}
