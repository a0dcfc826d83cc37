import {once} from 'node:events';
import {mkdtemp, rm} from 'node:fs/promises';
import {createServer, type Server, type Socket} from 'node:net';
import os from 'node:os';
import path from 'node:path';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {askHaproxy, commandHaproxy} from '../../src/lib/traffic/haproxy-socket.js';
import {parseServerCounters, parseServersState, readOrder, readServerState} from '../../src/lib/traffic/haproxy-state.js';
import {linkLocally, makeHost, patiently} from './local-machine.js';

describe('askHaproxy()', () => {
  let directory: string;
  let server: Server | undefined;

  beforeEach(async () => {
    directory = await mkdtemp(path.join(os.tmpdir(), 'drover-socket-'));
  });

  afterEach(async () => {
    server?.close();
    await rm(directory, {recursive: true, force: true});
  });

  /** Something that behaves on a socket as no real HAProxy does on demand. */
  const answering = async (
    answer: (socket: Socket) => void,
  ): Promise<{link: ReturnType<typeof linkLocally>; socket: string; signal: AbortSignal}> => {
    const socket = path.join(directory, 'fake.sock');
    server = createServer({allowHalfOpen: true}, (connection) => {
      connection.on('error', () => undefined);
      connection.once('data', () => answer(connection));
    }).listen(socket);
    await once(server, 'listening');
    return {link: linkLocally(makeHost('lb1')), socket, signal: patiently};
  };

  it('refuses an answer that broke off', async () => {
    const where = await answering((connection) => connection.end('1\n# be_id be_name\n'));
    await expect(askHaproxy({...where, command: 'show servers state', timeoutMs: 5_000})).rejects.toThrow(
      'the answer broke off after 18 bytes',
    );
  });

  it('refuses an answer that does not end in time', async () => {
    const where = await answering((connection) => connection.write('1\n'));
    await expect(askHaproxy({...where, command: 'show info', timeoutMs: 100})).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringContaining('asked "show info": no complete answer within 0.1 s'),
    });
  });

  it('T32: refuses an answer without an end before it fills the memory', async () => {
    const where = await answering((connection) => {
      const piece = Buffer.alloc(1024 * 1024, 'x');
      const flood = () => {
        while (!connection.destroyed && connection.write(piece));
      };
      connection.on('drain', flood);
      flood();
    });
    await expect(askHaproxy({...where, command: 'show stat', timeoutMs: 20_000})).rejects.toThrow('longer than 16777216 bytes');
  });

  it('takes an empty line as obeyed and anything else as a failure', async () => {
    const obeying = await answering((connection) => connection.end('\n'));
    await expect(commandHaproxy({...obeying, command: 'set server a/b state drain', timeoutMs: 5_000})).resolves.toBeUndefined();
    server?.close();
    const refusing = await answering((connection) => connection.end('No such server.\n\n'));
    await expect(commandHaproxy({...refusing, command: 'set server a/b state drain', timeoutMs: 5_000})).rejects.toThrow(
      `HAProxy on lb1 (${refusing.socket}), asked "set server a/b state drain": answered "No such server."`,
    );
  });

  it('throws the reason of an aborted signal', async () => {
    const where = await answering(() => undefined);
    const controller = new AbortController();
    const asking = askHaproxy({...where, command: 'show info', timeoutMs: 20_000, signal: controller.signal});
    controller.abort(new Error('Ctrl-C'));
    await expect(asking).rejects.toThrow('Ctrl-C');
  });
});

const header = '# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_fqdn srv_port';

describe('parseServersState()', () => {
  it('finds columns by their names', () => {
    const [server] =
      parseServersState(
        '1\n# srv_port srv_name srv_uweight be_name srv_admin_state srv_op_state srv_addr\n80 w1 10 app 8 2 10.0.0.1\n\n',
      ) ?? [];
    expect(server).toEqual({
      name: 'w1',
      backend: 'app',
      address: '10.0.0.1',
      port: 80,
      operState: 2,
      adminState: 8,
      weight: 10,
      fullWeight: 10,
    });
  });

  it.each([
    ['an error message', "Can't find backend.\n"],
    ['another version', '2\n# be_id\n'],
    ['a line that was cut', `1\n${header}\n3 app 1 w1 10.0.0.1 2\n`],
  ])('is undefined for %s', (_, text) => {
    expect(parseServersState(text)).toBeUndefined();
  });

  it.each([
    [0, 2, 1, 'in', 'ready'],
    [0, 1, 1, 'in', 'ready'],
    [0, 0, 1, 'down', 'ready'],
    [0, 3, 1, 'draining', 'ready'],
    [0, 2, 0, 'draining', 'ready'],
    [1, 0, 1, 'out', 'maint'],
    [5, 0, 1, 'out', 'maint'],
    [4, 2, 1, 'in', 'ready'],
    [2, 0, 1, 'out', 'ready'],
    [8, 2, 1, 'draining', 'drain'],
    [16, 2, 1, 'draining', 'ready'],
    [32, 0, 1, 'out', 'ready'],
    [64, 2, 1, 'in', 'ready'],
  ])('reads admin %i, operational %i, weight %i as %s, ordered %s', (admin, oper, weight, state, order) => {
    const [server] = parseServersState(`1\n${header}\n3 app 1 w1 10.0.0.1 ${oper} ${admin} ${weight} - 80\n`) ?? [];
    expect(server && readServerState(server)).toBe(state);
    expect(server && readOrder(server)).toBe(order);
  });
});

describe('parseServerCounters()', () => {
  it('finds columns by their names, with quoted fields before them', () => {
    const counters = parseServerCounters(
      '# pxname,last_chk,svname,bck,scur,qcur,check_status,\napp,"say ""no"", twice",w1,1,3,2,L4CON,\n\n',
    );
    expect(counters?.get('w1')).toEqual({queued: 2, sessions: 3, backup: true, check: 'L4CON say "no", twice'});
  });

  it.each(['No such proxy.\n', '# pxname,svname,qcur\napp,w1,0\n', '# svname,qcur,scur,bck\nw1,0\n'])('is undefined for %j', (text) => {
    expect(parseServerCounters(text)).toBeUndefined();
  });
});
