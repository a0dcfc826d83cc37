// An sshd that says who it is and then nothing more.

import {writeFileSync} from 'node:fs';
import {createServer} from 'node:net';

const server = createServer((socket) => {
  socket.on('error', () => socket.destroy());
  socket.resume();
  socket.write('SSH-2.0-OpenSSH_9.2\r\n');
});
server.listen(22, '0.0.0.0', () => writeFileSync('/run/hang.pid', `${process.pid}\n`));
