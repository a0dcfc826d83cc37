import {EventEmitter} from 'node:events';
import {PassThrough} from 'node:stream';
import type {NodeSSH} from 'node-ssh';
import type {Client} from 'ssh2';
import {describe, expect, it} from 'vitest';
import {ChannelGate} from '../../src/lib/host/channel-gate.js';
import {SshLink} from '../../src/lib/host/ssh-link.js';
import {ask} from './link-contract.js';
import {makeHost, patiently} from './some-host.js';

describe('the sessions of one connection', () => {
  it('are not asked for again where the server opens none', async () => {
    const gate = new ChannelGate();
    await gate.enter(patiently);
    expect(await gate.refuse(patiently)).toBe(false);
  });

  it('are asked for again, for a while, where the server may still count one that has ended', async () => {
    const gate = new ChannelGate();
    const atOnce = AbortSignal.abort();
    await gate.enter(patiently);
    gate.serve();
    gate.leave();
    const tries: boolean[] = [];
    do {
      await gate.enter(patiently);
      tries.push(await gate.refuse(atOnce));
    } while (tries.at(-1) === true);
    expect(tries.length).toBeGreaterThan(10);
    gate.serve();
    await gate.enter(patiently);
    expect(await gate.refuse(atOnce)).toBe(true);
  });

  it('tell how a command ended that was over in the packet that opened its channel', async () => {
    const connection = Object.assign(new EventEmitter(), {
      exec: (_command: string, done: (error: Error | undefined, channel: unknown) => void) => {
        const channel = Object.assign(new PassThrough({autoDestroy: false}), {stderr: new PassThrough(), close: () => undefined});
        done(undefined, channel);
        channel.emit('exit', 3);
        channel.emit('close');
      },
    });
    const link = new SshLink(makeHost({}, 'web1'), {} as NodeSSH, connection as unknown as Client, 'SHA256:x');
    expect((await ask(link, 'exit 3')).exit).toEqual({kind: 'exited', status: 3});
  });
});
