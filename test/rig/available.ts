import {spawnSync} from 'node:child_process';
import {fileURLToPath} from 'node:url';

export type Availability = {readonly ok: true} | {readonly ok: false; readonly why: string};

const packagesScript = fileURLToPath(new URL('../../scripts/rig-packages.mjs', import.meta.url));
const probe =
  'mount -t tmpfs probe /tmp && mkdir /tmp/lower /tmp/upper /tmp/work && mount -t overlay -o lowerdir=/tmp/lower,upperdir=/tmp/upper,workdir=/tmp/work probe /tmp/lower && ip link add name br0 type bridge';

/** Whether this machine can carry a rig: Linux, root, the packages, and namespaces with overlays and bridges. Takes a fraction of a second. */
export function rigAvailable(): Availability {
  if (process.platform !== 'linux') return {ok: false, why: `the rig needs Linux; this is ${process.platform}`};
  if (process.getuid?.() !== 0) return {ok: false, why: 'the rig makes namespaces and needs root; run the tests as root'};
  const packages = spawnSync(process.execPath, [packagesScript, '--check'], {encoding: 'utf8'});
  if (packages.status !== 0)
    return {ok: false, why: `packages are missing; run: node scripts/rig-packages.mjs (${packages.stdout.trim()})`};
  const tried = spawnSync('unshare', ['-n', '-m', '-p', '-u', '-f', '--propagation', 'private', 'sh', '-c', probe], {
    encoding: 'utf8',
    timeout: 10_000,
  });
  if (tried.status !== 0) return {ok: false, why: `namespaces are not allowed here: ${tried.stderr.trim() || tried.error?.message}`};
  return {ok: true};
}
