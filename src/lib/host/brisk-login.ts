import {Socket, type TcpSocketConnectOpts} from 'node:net';
import type {Client, ParsedKey} from 'ssh2';

/**
 * A TCP socket that connects, whose writes of one turn leave in one packet. SSH says most of what it has to say in messages of a few bytes, and each of them
 * would be a system call here and a wake-up there.
 */
export function openSocket(target: TcpSocketConnectOpts): Socket {
  // It takes `write` from its prototype again when it is told to connect.
  const socket = new Socket().connect(target);
  const write = socket.write.bind(socket) as (...words: unknown[]) => boolean;
  let gathers = false;
  socket.write = (...words: unknown[]): boolean => {
    if (!gathers) {
      gathers = true;
      socket.cork();
      process.nextTick(() => {
        gathers = false;
        socket.uncork();
      });
    }
    return write(...words);
  };
  // What is held back for the answer to the message before would wait for the server's delayed ACK (40 ms).
  return socket.setNoDelay(true);
}

type Sign = (data: Buffer, answer: (signature: Buffer) => void) => void;

/** What is read and replaced of ssh2's own objects, each only where it is as expected. */
interface Insides {
  readonly _protocol?: {
    authPK?: (user: string, key: unknown, algorithm: string | undefined, sign?: Sign) => void;
    readonly _handlers?: {GLOBAL_REQUEST?: (protocol: {requestSuccess(): void}, name: string, wantReply: boolean, data: unknown) => void};
  };
}

const hashes: Readonly<Record<string, string>> = {'rsa-sha2-256': 'sha256', 'rsa-sha2-512': 'sha512'};

/**
 * Saves a login a round trip and the server two proofs: a private key that is at hand signs at once, where ssh2 asks first whether the server would take
 * the key; and the server is not asked to prove its other host keys, which nobody here would remember. To be called right after `connect`. Whatever of
 * ssh2 (1.17) is not as expected is left alone: the login is slower then.
 */
export function hastenLogin(client: Client): void {
  const {_protocol: protocol} = client as Insides;
  const {authPK: authenticate, _handlers: handlers} = protocol ?? {};
  if (protocol !== undefined && typeof authenticate === 'function' && authenticate.length === 4) {
    protocol.authPK = (user, key, algorithm, sign) => {
      const ask = (way?: Sign): void => authenticate.call(protocol, user, key, algorithm, way);
      if (sign !== undefined || !isPrivateKey(key)) return ask(sign);
      return ask((data, answer) => {
        const signature: unknown = key.sign(data, hashes[algorithm ?? '']);
        if (Buffer.isBuffer(signature)) answer(signature);
        else ask();
      });
    };
  }
  const hear = handlers?.GLOBAL_REQUEST;
  if (handlers !== undefined && typeof hear === 'function' && hear.length === 4) {
    handlers.GLOBAL_REQUEST = (from, name, wantReply, data) => {
      if (name !== 'hostkeys-00@openssh.com') hear(from, name, wantReply, data);
      else if (wantReply) from.requestSuccess();
    };
  }
}

function isPrivateKey(key: unknown): key is ParsedKey {
  return (
    typeof key === 'object' &&
    key !== null &&
    'isPrivateKey' in key &&
    typeof key.isPrivateKey === 'function' &&
    key.isPrivateKey() === true
  );
}
