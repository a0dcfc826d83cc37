import {setMaxListeners} from 'node:events';
import {describe, expect, it} from 'vitest';
import {DroppedLogin} from '../../src/lib/host/dropped-login.js';
import {LoginGate} from '../../src/lib/host/login-gate.js';
import {makeHost, patiently} from './some-host.js';

setMaxListeners(0, patiently);

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A server that drops whoever comes while `takes` others are logging in, and how many it had at most. */
class Server {
  takes = Number.POSITIVE_INFINITY;
  most = 0;
  dropped = 0;
  private now = 0;

  readonly login = async (): Promise<void> => {
    this.now++;
    try {
      if (this.now > this.takes) {
        this.dropped++;
        throw new DroppedLogin(makeHost(), 'somewhere');
      }
      this.most = Math.max(this.most, this.now);
      await turn();
    } finally {
      this.now--;
    }
  };
}

const passAll = (gate: LoginGate, server: Server, count: number): Promise<unknown> =>
  Promise.all(Array.from({length: count}, () => gate.pass('door', patiently, server.login)));

describe('the gate before logins', () => {
  it('B12 B19: a door that was narrowed grows again, login by login, up to what it began with', async () => {
    const gate = new LoginGate();
    const server = new Server();
    server.takes = 2;
    await passAll(gate, server, 40);
    expect(server.most).toBe(2);
    // Every sixteenth login tries one more: hardly any is dropped for it.
    expect(server.dropped).toBeLessThan(8 + 40 / 16);
    server.takes = Number.POSITIVE_INFINITY;
    server.most = 0;
    await passAll(gate, server, 16);
    expect(server.most).toBeLessThan(5);
    await passAll(gate, server, 200);
    expect(server.most).toBe(8);
  });

  it('a login that is dropped alone is thrown', async () => {
    const server = new Server();
    server.takes = 0;
    await expect(new LoginGate().pass('door', patiently, server.login)).rejects.toBeInstanceOf(DroppedLogin);
  });

  it('thousands wait in one line: each is called once, in its turn', async () => {
    const gate = new LoginGate();
    const signal = new AbortController().signal;
    setMaxListeners(0, signal);
    let listened = 0;
    const listen = signal.addEventListener.bind(signal);
    signal.addEventListener = (...words: Parameters<AbortSignal['addEventListener']>) => {
      listened++;
      listen(...words);
    };
    const served: number[] = [];
    const order = Array.from({length: 3000}, (_, index) => index);
    await Promise.all(
      order.map((index) =>
        gate.pass('door', signal, async () => {
          served.push(index);
          await turn();
        }),
      ),
    );
    expect(served).toEqual(order);
    expect(listened).toBe(3000 - 8);
  });

  it('whoever gives up leaves the line, and holds nobody behind', async () => {
    const gate = new LoginGate();
    const stop = new AbortController();
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const inside = Array.from({length: 8}, () => gate.pass('door', patiently, () => held));
    const leaving = gate.pass('door', stop.signal, async () => 'never');
    const behind = gate.pass('door', patiently, async () => 'in');
    stop.abort(new Error('enough'));
    await expect(leaving).rejects.toThrow('enough');
    release();
    expect(await behind).toBe('in');
    await Promise.all(inside);
  });
});
