import {readdirSync, statSync, writeFileSync} from 'node:fs';
import {connect, createServer} from 'node:net';
import path from 'node:path';
import {measure} from './measure.js';
import type {PushStage} from './push-peers.js';
import {clear} from './push-peers.js';

export interface WireRow {
  readonly name: string;
  /** What TCP carries, in both directions, of the whole encrypted connection. */
  readonly wireBytes: number;
}

/** Bytes over the wire to one host, counted by a proxy before the sshd: everything that the connection carries. */
export async function countWireBytes(stage: PushStage, hasRsync: boolean): Promise<{rows: readonly WireRow[]; deltaBytes: number}> {
  const {fleet, hosts, folder, after} = stage;
  const [host] = hosts;
  if (host === undefined) throw new Error('no host');
  let bytes = 0;
  const server = createServer((socket) => {
    const far = connect(fleet.port, '127.0.0.1');
    for (const [one, other] of [
      [socket, far],
      [far, socket],
    ] as const) {
      one.on('data', (piece: Buffer) => {
        bytes += piece.length;
      });
      one.on('error', () => other.destroy());
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const {port} = server.address() as {port: number};
  fleet.knowPort(port);
  const count = async (name: string, command: readonly string[], cwd: string): Promise<WireRow> => {
    bytes = 0;
    await measure(command, {cwd});
    return {name, wireBytes: bytes};
  };
  try {
    const rows: WireRow[] = [];
    if (hasRsync) {
      clear([host], 'rsync/b');
      const shell = fleet.ssh(host, port).join(' ');
      const words = ['rsync', '-a', '--delete', '--link-dest=../a', '-e', shell, `${after}/`, `127.0.0.1:${host.home}/rsync/b/`];
      rows.push(await count('rsync two files', words, folder));
    }
    const project = path.join(folder, 'project');
    const [file = ''] = readdirSync(path.join(project, 'store', 'deltas')).filter((name) => /^[0-9a-f]{64}-[0-9a-f]{64}\.\w+$/.test(name));
    const id = file.slice(65, 129);
    clear([host], `content/releases/${id}`);
    writeFileSync(path.join(project, 'inventory.yml'), fleet.inventory(1, port));
    const drover = path.join(import.meta.dirname, '..', 'bin', 'run.js');
    rows.push(await count('drover two files', [process.execPath, drover, 'push', 'content', id, '--all'], project));
    writeFileSync(path.join(project, 'inventory.yml'), fleet.inventory(hosts.length));
    return {rows, deltaBytes: statSync(path.join(project, 'store', 'deltas', file)).size};
  } finally {
    server.close();
  }
}
