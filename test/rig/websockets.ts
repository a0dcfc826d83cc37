import {createInterface} from 'node:readline';
import {fileURLToPath} from 'node:url';
import type {Rig} from './rig.js';

/** A WebSocket that ended, as its client saw it. `refused`: it had not heard a word yet. */
export interface EndedSocket {
  /** In ms since 1970. */
  readonly at: number;
  readonly kind: 'cut' | 'refused';
  readonly id: number;
  readonly host?: string;
  readonly code: number;
}

export interface WebSockets {
  /** Of those that are to be kept open. */
  openNow(): number;
  /** That were opened so far, again or for the first time. */
  opened(): number;
  readonly ended: readonly EndedSocket[];
  /** Closes them. Rejects when the client itself failed. */
  stop(): Promise<void>;
}

/** Opens so many WebSockets through every balancer in turn, and opens each again that ends. */
export function openWebSockets({rig, count}: {readonly rig: Pick<Rig, 'operator' | 'hosts'>; readonly count: number}): WebSockets {
  const urls = rig.hosts.filter(({role}) => role === 'balancer').map(({address}) => `ws://${address}/ws`);
  const client = fileURLToPath(new URL('websocket-client.mjs', import.meta.url));
  const child = rig.operator.spawn([process.execPath, '--disable-warning=UNDICI-WS', client, JSON.stringify({urls, count})]);
  const {stdout, stderr} = child;
  if (!stdout || !stderr) throw new Error('the WebSocket client has no output to read');
  const open = new Set<number>();
  const ended: EndedSocket[] = [];
  let opened = 0;
  let complaint = '';
  stderr.on('data', (piece: Buffer) => {
    complaint += piece.toString();
  });
  createInterface({input: stdout}).on('line', (line) => {
    const seen = JSON.parse(line) as EndedSocket | {readonly kind: 'opened'; readonly id: number};
    if (seen.kind === 'opened') {
      opened += 1;
      open.add(seen.id);
      return;
    }
    open.delete(seen.id);
    ended.push(seen);
  });
  const exited = new Promise<number | null>((resolve) => child.once('close', (status) => resolve(status)));
  return {
    openNow: () => open.size,
    opened: () => opened,
    ended,
    stop: async () => {
      child.stdin?.end();
      const status = await exited;
      if (status !== 0) throw new Error(`the WebSocket client ended with ${status}: ${complaint}`);
    },
  };
}
