import {type ChildProcess, execFile, spawn} from 'node:child_process';
import {randomUUID} from 'node:crypto';
import {once} from 'node:events';
import {mkdir, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {request} from 'node:http';
import {createServer} from 'node:net';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {setTimeout as delay} from 'node:timers/promises';
import {promisify} from 'node:util';

const run = promisify(execFile);
const startMs = 180_000;

interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface ObjectStore {
  /** `http://127.0.0.1:PORT` */
  readonly endpoint: string;
  /** `https://127.0.0.1:PORT`, with a certificate that `ca` has signed. */
  readonly secureEndpoint: string;
  /** Path of the authority's certificate. */
  readonly ca: string;
  /** Another user of the same service, and its keys. */
  addUser(name: string): Promise<Keys>;
  stop(): Promise<void>;
}

export const ownerKeys = {accessKeyId: 'DROVERRIG', secretAccessKey: 'a+secret/of-the-rig'} as const;

/** So many ports that nobody listens on. */
async function findPorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({length: count}, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

/** A certificate for 127.0.0.1 and the authority behind it. */
async function makeCertificate(folder: string): Promise<void> {
  const openssl = (...args: string[]): Promise<unknown> => run('openssl', args, {cwd: folder});
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  await openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=drover rig authority');
  await writeFile(path.join(folder, 'names'), 'subjectAltName=IP:127.0.0.1\n');
  await openssl('req', ...key, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=127.0.0.1');
  const sign = ['x509', '-req', '-in', 'server.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2'];
  await openssl(...sign, '-extfile', 'names', '-out', 'server.pem');
}

function writeConfig(
  folder: string,
  {id, monitor, old, http, https}: Record<'monitor' | 'old' | 'http' | 'https', number> & {id: string},
): string {
  const web = `endpoint=127.0.0.1:${http} ssl_endpoint=127.0.0.1:${https} ssl_certificate=${folder}/server.pem ssl_private_key=${folder}/server.key`;
  return `[global]
fsid = ${id}
keyring = ${folder}/keyring
mon host = [v2:127.0.0.1:${monitor},v1:127.0.0.1:${old}]
public addr = 127.0.0.1
ms bind ipv6 = false
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd crush chooseleaf type = 0
mon allow pool size one = true
run dir = ${folder}
pid file = ${folder}/$name.pid
admin socket = ${folder}/$name.asok
log file = ${folder}/$name.log
mon data = ${folder}/mon
osd data = ${folder}/osd
osd objectstore = memstore
memstore device bytes = 1073741824
rgw data = ${folder}/rgw
rgw multipart min part size = 1024
rgw frontends = beast ${web}
`;
}

/** True when something answers HTTP there. */
function answers(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    request(url, (reply) => resolve(reply.resume().statusCode === 200))
      .on('error', () => resolve(false))
      .end();
  });
}

/** Looks again and again, until `look` finds it; a process that ends first is the failure. */
async function awaitSign(what: string, process: ChildProcess, look: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + startMs;
  while (!(await look())) {
    if (process.exitCode !== null) throw new Error(`${what} ended with status ${process.exitCode}`);
    if (Date.now() > deadline) throw new Error(`${what} is not there after ${startMs / 1000} s`);
    await delay(200);
  }
}

/** A real object store with one user (`ownerKeys`), all in memory, on loopback: monitor, storage and gateway of Ceph, each a child of this process. */
export async function startObjectStore(): Promise<ObjectStore> {
  const folder = await mkdtemp(path.join(tmpdir(), 'drover-s3-'));
  const [monitor = 0, old = 0, http = 0, https = 0] = await findPorts(4);
  const id = randomUUID();
  const config = path.join(folder, 'ceph.conf');
  const children: ChildProcess[] = [];
  const tool = (name: string, ...args: string[]): Promise<{stdout: string}> => run(name, ['-c', config, ...args], {cwd: folder});
  const start = (name: string, ...args: string[]): ChildProcess => {
    const child = spawn(name, ['-f', '-c', config, ...args], {cwd: folder, stdio: 'ignore'});
    children.push(child);
    return child;
  };
  const stop = async (): Promise<void> => {
    for (const child of children.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await rm(folder, {recursive: true, force: true});
  };
  const addUser = async (name: string, keys: Keys = {accessKeyId: randomUUID(), secretAccessKey: randomUUID()}): Promise<Keys> => {
    const {accessKeyId, secretAccessKey} = keys;
    const words = [
      'user',
      'create',
      `--uid=${name}`,
      `--display-name=${name}`,
      `--access-key=${accessKeyId}`,
      `--secret=${secretAccessKey}`,
    ];
    await tool('radosgw-admin', ...words);
    return keys;
  };
  try {
    for (const name of ['mon', 'osd', 'rgw']) await mkdir(path.join(folder, name));
    await makeCertificate(folder);
    await writeFile(config, writeConfig(folder, {id, monitor, old, http, https}));
    const all = ['--cap', 'mon', 'allow *', '--cap', 'osd', 'allow *', '--cap', 'mgr', 'allow *'];
    await run('ceph-authtool', ['--create-keyring', 'keyring', '--gen-key', '-n', 'mon.', '--cap', 'mon', 'allow *'], {cwd: folder});
    await run('ceph-authtool', ['keyring', '--gen-key', '-n', 'client.admin', ...all], {cwd: folder});
    const address = `[v2:127.0.0.1:${monitor},v1:127.0.0.1:${old}]`;
    await run('monmaptool', ['--create', '--fsid', id, '--addv', 'a', address, 'monmap'], {cwd: folder});
    await tool('ceph-mon', '-i', 'a', '--mkfs', '--monmap', 'monmap', '--keyring', 'keyring');
    start('ceph-mon', '-i', 'a');
    const secret = (await run('ceph-authtool', ['--gen-print-key'])).stdout.trim();
    const disk = randomUUID();
    await writeFile(path.join(folder, 'disk.json'), JSON.stringify({cephx_secret: secret}));
    await tool('ceph', '--connect-timeout', '60', 'osd', 'new', disk, '0', '-i', 'disk.json');
    await tool('ceph-osd', '-i', '0', '--mkfs', '--key', secret, '--osd-uuid', disk);
    await writeFile(path.join(folder, 'osd', 'keyring'), `[osd.0]\n\tkey = ${secret}\n`);
    const storage = start('ceph-osd', '-i', '0', '--keyring', path.join(folder, 'osd', 'keyring'));
    await awaitSign('ceph-osd', storage, async () => (await tool('ceph', 'osd', 'stat')).stdout.includes('1 up'));
    const gateway = start('radosgw', '-n', 'client.admin');
    await awaitSign('radosgw', gateway, () => answers(`http://127.0.0.1:${http}/`));
    await addUser('owner', ownerKeys);
  } catch (error) {
    const log = await readFile(path.join(folder, 'client.admin.log'), 'utf8').catch(() => '');
    await stop();
    throw new Error(`the object store did not start: ${log.slice(-2000)}`, {cause: error});
  }
  return {
    endpoint: `http://127.0.0.1:${http}`,
    secureEndpoint: `https://127.0.0.1:${https}`,
    ca: path.join(folder, 'ca.pem'),
    addUser: (name) => addUser(name),
    stop,
  };
}
