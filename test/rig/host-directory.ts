import {chmod, chown, mkdir, readFile, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {runChecked} from './finished.js';
import type {RigHost} from './fleet.js';
import type {HostFile} from './host-files.js';
import {deployId, listHostFiles} from './host-files.js';

/** Makes an ed25519 key pair; `file` holds the private one. The public one is `ssh-ed25519 AAAA… rig`. */
export async function makeKey(file: string): Promise<{readonly privateKey: string; readonly publicKey: string}> {
  await runChecked(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'rig', '-f', file]);
  const [privateKey, publicKey] = await Promise.all([readFile(file, 'utf8'), readFile(`${file}.pub`, 'utf8')]);
  return {privateKey, publicKey: publicKey.trim()};
}

/** Writes what makes one host different from a bare root below `dir/files/<host>`, with the owners and modes it is to have. */
export async function writeHostDirectory(options: {
  readonly dir: string;
  readonly host: RigHost;
  readonly hosts: readonly RigHost[];
  readonly privateKey: string;
  readonly authorizedKey: string;
  readonly originDelayMs: number;
}): Promise<void> {
  const {host} = options;
  const read = (name: string) => readFile(new URL(name, import.meta.url), 'utf8');
  const services = read(
    host.role === 'balancer' ? 'boot/balancer-services.sh' : host.bare ? 'boot/bare-services.sh' : 'boot/web-services.sh',
  );
  const [app, hang, flock] = await Promise.all([read('guest/app.mjs'), read('guest/hang.mjs'), read('guest/flock')]);
  const files = listHostFiles({
    host,
    fleet: options.hosts,
    hostKey: options.privateKey,
    authorizedKey: `${options.authorizedKey}\n`,
    originDelayMs: options.originDelayMs,
    guest: {app, hang, flock, services: await services},
  });
  const root = path.join(options.dir, 'files', host.name);
  for (const file of files) await writeHostFile(root, file);
}

async function writeHostFile(root: string, file: HostFile): Promise<void> {
  const target = path.join(root, file.path);
  await mkdir(path.dirname(target), {recursive: true});
  for (let directory = path.dirname(target); directory.length >= root.length; directory = path.dirname(directory)) {
    await chmod(directory, 0o755);
    if (directory.startsWith(path.join(root, 'home/deploy'))) await chown(directory, deployId, deployId);
  }
  await writeFile(target, file.text);
  await chmod(target, file.mode ?? 0o644);
  if (file.ofDeploy) await chown(target, deployId, deployId);
}
