import {generateKeyPairSync} from 'node:crypto';
import {createServer, type Socket} from 'node:net';
import ssh2 from 'ssh2';
import {afterEach, describe, expect, it} from 'vitest';
import {hastenLogin, openSocket} from '../../src/lib/host/brisk-login.js';

const {Client, Server, utils} = ssh2;

interface Asked {
  readonly method: string;
  readonly algorithm: string | undefined;
  readonly isSigned: boolean;
}

function makeKey(type: 'ed25519' | 'rsa' | 'ecdsa'): ssh2.ParsedKey {
  const sizes = {ed25519: {}, rsa: {bits: 2048}, ecdsa: {bits: 256}} as const;
  const pair = utils.generateKeyPairSync(type, sizes[type] as never);
  const parsed = utils.parseKey(pair.private);
  if (parsed instanceof Error) throw parsed;
  return Array.isArray(parsed) ? (parsed[0] as ssh2.ParsedKey) : parsed;
}

const hostKey = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  privateKeyEncoding: {type: 'pkcs1', format: 'pem'},
  publicKeyEncoding: {type: 'pkcs1', format: 'pem'},
});
const endings: (() => void)[] = [];
afterEach(() => {
  for (const end of endings.splice(0)) end();
});

/** A server that takes one key and notes what it was asked. */
async function startServer(accepted: ssh2.ParsedKey): Promise<{readonly port: number; readonly asked: Asked[]}> {
  const asked: Asked[] = [];
  const server = new Server({hostKeys: [hostKey.privateKey]}, (client) => {
    client.on('error', () => undefined);
    client.on('authentication', (context) => {
      const isKey = context.method === 'publickey';
      const signature = isKey ? context.signature : undefined;
      asked.push({method: context.method, algorithm: isKey ? context.key.algo : undefined, isSigned: signature !== undefined});
      if (!isKey || !context.key.data.equals(accepted.getPublicSSH())) return context.reject(['publickey']);
      if (
        signature !== undefined &&
        context.blob !== undefined &&
        accepted.verify(context.blob, signature, context.hashAlgo as string) !== true
      )
        return context.reject();
      return context.accept();
    });
    client.on('ready', () => client.on('session', (accept) => accept().on('exec', (take) => take().exit(7) as never)));
  });
  endings.push(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {port: (server.address() as {port: number}).port, asked};
}

async function logIn(port: number, keys: readonly ssh2.ParsedKey[], hasten = hastenLogin): Promise<'ready' | 'refused'> {
  const client = new Client();
  endings.push(() => client.destroy());
  const left = [...keys];
  const ended = new Promise<'ready' | 'refused'>((resolve) =>
    client.on('ready', () => resolve('ready')).on('error', () => resolve('refused')),
  );
  client.connect({
    sock: openSocket({host: '127.0.0.1', port}),
    username: 'me',
    authHandler: (_methods, _partial, next) => {
      const key = left.shift();
      next(key === undefined ? (false as never) : ({type: 'publickey', username: 'me', key} as never));
    },
  });
  hasten(client);
  return ended;
}

describe('a login', () => {
  it.each(['ed25519', 'rsa', 'ecdsa'] as const)('signs with the %s key at once, and is verified', async (type) => {
    const key = makeKey(type);
    const server = await startServer(key);
    expect(await logIn(server.port, [key])).toBe('ready');
    expect(server.asked.filter(({isSigned}) => !isSigned)).toEqual([]);
    expect(server.asked).toHaveLength(1);
  });

  it('goes on to the next key where one is refused, and asks for each once', async () => {
    const [wrong, right] = [makeKey('ed25519'), makeKey('ecdsa')];
    const server = await startServer(right);
    expect(await logIn(server.port, [wrong, right])).toBe('ready');
    expect(server.asked.map(({isSigned}) => isSigned)).toEqual([true, true]);
    const other = await startServer(makeKey('ed25519'));
    expect(await logIn(other.port, [wrong, right])).toBe('refused');
    expect(other.asked).toHaveLength(2);
  });

  it('asks first, as ssh2 does, where a key cannot sign by itself', async () => {
    const key = makeKey('ed25519');
    const server = await startServer(key);
    let refusals = 0;
    const moody = Object.assign(Object.create(key) as ssh2.ParsedKey, {
      sign: (data: Buffer) => (refusals++ === 0 ? (new Error('not now') as never) : key.sign(data)),
    });
    expect(await logIn(server.port, [moody])).toBe('ready');
    expect(server.asked.map(({isSigned}) => isSigned)).toEqual([false, true]);
  });

  it.each<[string, object]>([
    ['has no protocol', {}],
    ['logs in in another way', {_protocol: {authPK: (_one: unknown) => undefined, _handlers: {}}}],
    ['hears requests in another way', {_protocol: {_handlers: {GLOBAL_REQUEST: () => undefined}}}],
  ])('leaves an ssh2 alone that %s', (_, insides) => {
    const before = structuredClone({keys: Object.keys(insides)});
    const protocol = (insides as {_protocol?: {authPK?: unknown; _handlers?: {GLOBAL_REQUEST?: unknown}}})._protocol;
    const [authenticate, hear] = [protocol?.authPK, protocol?._handlers?.GLOBAL_REQUEST];
    hastenLogin(insides as ssh2.Client);
    expect(structuredClone({keys: Object.keys(insides)})).toEqual(before);
    expect([protocol?.authPK, protocol?._handlers?.GLOBAL_REQUEST]).toEqual([authenticate, hear]);
  });

  it('works without any of it', async () => {
    const key = makeKey('ed25519');
    const server = await startServer(key);
    expect(await logIn(server.port, [key], () => undefined)).toBe('ready');
    expect(server.asked.map(({isSigned}) => isSigned)).toEqual([false, true]);
  });
});

it('what is written in one turn arrives in one piece, and in order', async () => {
  const pieces: string[] = [];
  let heard: (() => void) | undefined;
  const server = createServer((socket: Socket) => {
    socket.on('data', (piece) => {
      pieces.push(piece.toString());
      heard?.();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const socket = openSocket({host: '127.0.0.1', port: (server.address() as {port: number}).port});
  endings.push(
    () => socket.destroy(),
    () => server.close(),
  );
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()));
  const first = new Promise<void>((resolve) => {
    heard = resolve;
  });
  for (const word of ['a', 'b', 'c']) socket.write(word);
  await first;
  expect(pieces).toEqual(['abc']);
  const rest = new Promise<void>((resolve) => {
    heard = () => pieces.join('').length === 6 && resolve();
  });
  socket.write('d');
  await new Promise((resolve) => setImmediate(resolve));
  socket.write('e');
  socket.end('f');
  await rest;
  expect(pieces.join('')).toBe('abcdef');
});
