import {spawnSync} from 'node:child_process';
import {readdir, readFile, rm, truncate, writeFile} from 'node:fs/promises';
import {createServer} from 'node:net';
import path from 'node:path';
import {Readable} from 'node:stream';
import {setTimeout as sleep} from 'node:timers/promises';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {HostApp} from '../../src/lib/host/host-app.js';
import type {PullRequest, RelayDoor} from '../../src/lib/host/host-relay.js';
import {relayPart, type StageRequest} from '../../src/lib/host/stage-request.js';
import {generateEd25519} from '../../src/lib/inventory/ed25519-key.js';
import type {SnapshotId} from '../../src/lib/snapshot/manifest.js';
import type {Delta} from '../../src/lib/snapshot/store.js';
import {copiesOf} from './copies-of.js';
import {sshdMissing} from './sshd.js';
import {digestOf, type Shell, Site, shells} from './verb-site.js';

const token = 'ab12'.repeat(8);

/** What runs on this machine with this text among its words. */
function processesOf(text: string): string[] {
  const shown = spawnSync('ps', ['-eo', 'pid,args'], {encoding: 'utf8'});
  return shown.stdout.split('\n').filter((line) => line.includes(text));
}

async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await what())) await sleep(50);
}

const loginShells: readonly Shell[] = shells.filter((shell) => shell.uid === undefined);

describe.skipIf(sshdMissing !== undefined).each(loginShells)('a relay, in $name', {timeout: 600_000}, (shell) => {
  let relay: Site;
  let peer: Site;
  let id: SnapshotId;
  let delta: Delta;
  let request: StageRequest;
  let door: RelayDoor;
  const hostKeys = generateEd25519('relay');
  const peerKeys = generateEd25519('peer');
  const copy = copiesOf(async () => {
    const made = await Site.make(shell);
    id = await made.snapshot({big: Array.from({length: 40_000}, () => Math.random().toString(36)).join('')});
    delta = await made.delta(undefined, id);
    request = made.request(delta);
    await made.app.stageOpen(request);
    await made.app.stagePut(request, 0, Readable.from([await readFile(delta.path)]), {idleMs: 60_000, totalMs: 60_000});
    return made;
  });
  beforeEach(async () => {
    [relay, peer] = [await copy(), await Site.make(shell)];
  });
  afterEach(async () => {
    await relay.app.relay.end(token);
    expect(processesOf(relay.folder)).toEqual([]);
    await relay.remove();
    await peer.remove();
  });

  const folder = (): string => relay.at('.drover', 'relay', token);
  const serve = async (more: {ttlSeconds?: number; lifeSeconds?: number; port?: number} = {}): Promise<void> => {
    door = await relay.app.relay.serve(relayPart(request), {
      token,
      hostKey: hostKeys.privateKey,
      peerKeys: [peerKeys.publicKey],
      ttlSeconds: 30,
      lifeSeconds: 60,
      port: 0,
      ...more,
    });
  };
  const pull = async ({app = peer.app, ...more}: Partial<PullRequest> & {app?: HostApp} = {}): Promise<void> => {
    const offer = await peer.app.stageOpen(request);
    await app.relay.pull({
      ...relayPart(request),
      ...door,
      token,
      address: '127.0.0.1',
      hostKey: hostKeys.publicKey,
      clientKey: peerKeys.privateKey,
      offset: offer.kind === 'part' ? offer.bytes : 0,
      stallSeconds: 60,
      onProgress: () => undefined,
      ...more,
    });
  };

  /** What an attacker with the key of a peer may ask for, with its own client. */
  const ask = async (words: readonly string[], request = ''): Promise<{status: number | null; said: string}> => {
    const key = path.join(peer.folder, 'stolen');
    await writeFile(key, peerKeys.privateKey, {mode: 0o600});
    const always = ['-F', '/dev/null', '-i', key, '-p', String(door.port), '-l', door.user, '-o', 'StrictHostKeyChecking=no'];
    const quiet = ['-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR', '-o', 'BatchMode=yes', '-o', 'ExitOnForwardFailure=yes'];
    const asked = spawnSync('ssh', [...words, ...always, ...quiet, '127.0.0.1', ...(request === '' ? [] : [request])], {
      encoding: 'latin1',
      input: '',
      maxBuffer: 100_000_000,
      timeout: 300_000,
    });
    return {status: asked.status, said: `${asked.stdout}${asked.stderr}`};
  };

  it('hands a delta to a peer, from where that one stands, and leaves no key', async () => {
    await serve();
    await peer.app.stageOpen(request);
    const half = (await readFile(delta.path)).subarray(0, 100_000);
    await peer.app.stagePut(request, 0, Readable.from([half]), {idleMs: 60_000, totalMs: 60_000});
    await relay.app.stageCommit(request, {});
    await pull();
    await peer.app.stageCommit(request, {});
    await peer.app.verify(id);
    expect(await readdir(peer.at('.drover', 'incoming'))).toEqual([]);
    await relay.app.relay.end(token);
    expect(await readdir(relay.at('.drover'))).not.toContain('relay');
    expect(processesOf(relay.folder)).toEqual([]);
  });

  it('takes a delta no faster than it was told, byte for byte', async () => {
    await serve();
    const seen: number[] = [];
    await pull({rate: Math.ceil(delta.bytes / 2), onProgress: (bytes) => seen.push(bytes)});
    // As fast as it goes, it would be here before the first look at it.
    expect(seen.some((bytes) => bytes > 0 && bytes < delta.bytes)).toBe(true);
    await peer.app.stageCommit(request, {});
    await peer.app.verify(id);
  });

  it('T19 T25: gives nothing but the delta to whoever holds the key of a peer: no shell, no file, no forwarding', async () => {
    await serve();
    const whole = await ask([], `${token} 0`);
    expect(whole.status).toBe(0);
    expect(whole.said).toHaveLength(delta.bytes + `\ndrover ${token} 0\n`.length);
    for (const request of [
      '',
      'id',
      `${token} 0; id`,
      `${token} $(id)`,
      `${token} -1`,
      `${token} 010`,
      `${token} `,
      'beef 0',
      `${token} ${delta.bytes + 1}`,
    ])
      expect(await ask([], request), request).toEqual({status: 64, said: ''});
    expect((await ask(['-s'], 'sftp')).said).toContain('subsystem request failed');
    expect((await ask(['-tt'], 'id')).said).toContain('PTY allocation request failed');
    expect((await ask(['-W', `127.0.0.1:${door.port}`])).said).toContain('stdio forwarding failed');
    expect((await ask(['-N', '-R', '0:127.0.0.1:22'])).said).toContain('remote port forwarding failed');
    expect((await ask(['-l', 'nobody'])).status).toBe(255);
  });

  it('lets nobody in without a key of this relay, and no peer on to another machine', async () => {
    await serve();
    const stranger = generateEd25519('stranger');
    await expect(pull({clientKey: stranger.privateKey})).rejects.toMatchObject({
      failure: 'no-relay',
      message: expect.stringContaining('denied'),
    });
    await expect(pull({hostKey: stranger.publicKey})).rejects.toMatchObject({
      failure: 'no-relay',
      message: expect.stringContaining('Host key'),
    });
    expect(await readdir(peer.at('.drover', 'incoming'))).not.toContainEqual(expect.stringContaining('pull'));
  });

  it('ends by itself when nobody renews it, in the middle of a transfer as well, and at the end of its life', async () => {
    await serve({ttlSeconds: 600, lifeSeconds: 1200});
    await rm(path.join(folder(), 'delta'));
    spawnSync('mkfifo', [path.join(folder(), 'delta')]);
    const cut = pull({stallSeconds: 50}).catch((error: Error) => error.message);
    await until(() => processesOf(`${folder()}/delta`).length > 0);
    await relay.app.relay.renew(token, 1);
    expect(await cut).toContain(`0 of ${delta.bytes} bytes came`);
    await until(() => processesOf(folder()).length === 0);
    expect(await readdir(relay.at('.drover'))).not.toContain('relay');
    await expect(relay.app.relay.renew(token, 3)).rejects.toMatchObject({failure: 'missing'});
    await serve({ttlSeconds: 60, lifeSeconds: 1});
    await until(() => processesOf(folder()).length === 0);
  });

  it('is swept when its keeper was killed', async () => {
    await serve();
    process.kill(Number((await readFile(path.join(folder(), 'keeper'), 'utf8')).split(' ')[0]), 'SIGKILL');
    await until(() => processesOf('keeper.sh').every((line) => !line.includes(folder())));
    expect(processesOf(folder())).not.toEqual([]);
    await relay.app.relay.end('beef');
    expect(processesOf(folder())).toEqual([]);
    expect(await readdir(relay.at('.drover'))).not.toContain('relay');
  });

  it('B26: tells a relay that hangs, one that gives less and one that lies, and keeps what was proved', async () => {
    await serve();
    const file = path.join(folder(), 'delta');
    const good = await readFile(file);
    await rm(file);
    spawnSync('mkfifo', [file]);
    await expect(pull({stallSeconds: 2})).rejects.toMatchObject({
      failure: 'no-relay',
      message: expect.stringContaining('no byte came for 2 s'),
    });
    await rm(file);
    await writeFile(file, good.subarray(0, 50_000));
    await expect(pull()).rejects.toMatchObject({failure: 'no-relay', message: expect.stringContaining(`50000 of ${delta.bytes} bytes`)});
    const bad = Buffer.from(good);
    bad[60_000] = (bad[60_000] ?? 0) ^ 255;
    await writeFile(file, bad);
    await expect(pull()).rejects.toMatchObject({failure: 'lying-relay', code: 'integrity'});
    expect(await peer.app.stageOpen(request)).toMatchObject({kind: 'part', bytes: 50_000, digest: digestOf(good.subarray(0, 50_000))});
    await writeFile(file, Buffer.concat([good, good]));
    await pull();
    await peer.app.stageCommit(request, {});
    await peer.app.verify(id);
  });

  // Elsewhere the processes have other names.
  it.runIf(shell.name === 'dash')(
    'writes to the part alone, also when the shell of a pull was killed and what it began goes on',
    async () => {
      await serve();
      await rm(path.join(folder(), 'delta'));
      spawnSync('mkfifo', [path.join(folder(), 'delta')]);
      const dead = pull({stallSeconds: 50}).catch((error: Error) => error.message);
      const holder = peer.at('.drover', 'incoming', `${relayPart(request).part}.holder`);
      const childrenOf = (pid: number): string[] =>
        spawnSync('ps', ['-o', 'pid=,args=', '--ppid', String(pid)], {encoding: 'utf8'})
          .stdout.trim()
          .split('\n');
      await until(() => processesOf(`${folder()}/delta`).length > 0);
      const shell = Number((await readFile(holder, 'utf8')).split(' ')[0]);
      const isWriter = (line: string): boolean => /[ /](head -c|ssh -F) /.test(line);
      await until(() => childrenOf(shell).filter(isWriter).length === 2);
      // Neither the shell nor the one that watches over the transfer can end it now.
      for (const line of childrenOf(shell).filter((each) => !isWriter(each))) process.kill(Number.parseInt(line, 10), 'SIGKILL');
      process.kill(shell, 'SIGKILL');
      const put = peer.app.stagePut(request, 0, Readable.from([await readFile(delta.path)]), {idleMs: 60_000, totalMs: 60_000});
      await expect(put).rejects.toMatchObject({failure: 'busy'});
      await relay.app.relay.end(token);
      await dead;
      await until(async () => (await peer.app.stageOpen(request).catch(() => undefined)) !== undefined);
      await peer.app.stagePut(request, 0, Readable.from([await readFile(delta.path)]), {idleMs: 60_000, totalMs: 60_000});
      await peer.app.stageCommit(request, {});
      await peer.app.verify(id);
    },
  );

  it('leaves no key when a pull is killed, once somebody asks again', async () => {
    await serve();
    await rm(path.join(folder(), 'delta'));
    spawnSync('mkfifo', [path.join(folder(), 'delta')]);
    const cut = new AbortController();
    const impatient = new HostApp(peer.link, peer.root, 'shop', cut.signal);
    const dead = pull({app: impatient}).catch((error: Error) => error.message);
    await until(() => processesOf(`${folder()}/delta`).length > 0);
    cut.abort();
    expect(await dead).toContain('abandoned');
    await peer.app.stageOpen(request);
    expect((await readdir(peer.at('.drover', 'incoming'))).filter((name) => name.endsWith('.pull'))).toEqual([]);
  });

  it('says why it cannot serve: a port that is taken, and a part that is not whole', async () => {
    const busy = createServer();
    await new Promise<void>((resolve) => busy.listen(0, resolve));
    const {port} = busy.address() as {port: number};
    await expect(serve({port})).rejects.toMatchObject({failure: 'unsupported', message: expect.stringContaining('Bind to port')});
    busy.close();
    await truncate(relay.at('.drover', 'incoming', `${relayPart(request).part}.delta`), 10);
    await expect(serve()).rejects.toMatchObject({failure: 'missing', message: expect.stringContaining('not all here')});
    expect(await readdir(relay.at('.drover'))).not.toContain('relay');
  });
});
