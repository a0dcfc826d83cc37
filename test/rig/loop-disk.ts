import {execFileSync, spawnSync} from 'node:child_process';
import {chmodSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';

const cutter = fileURLToPath(new URL('cut-power.pl', import.meta.url));
const megabyte = 1024 * 1024;

/** File systems to cut the power of; ext4 in both of the ways in which it orders data and journal. */
export const fileSystems = {
  ext4: {type: 'ext4', megabytes: 96, options: 'loop'},
  'ext4 writeback': {type: 'ext4', megabytes: 96, options: 'loop,data=writeback'},
  xfs: {type: 'xfs', megabytes: 320, options: 'loop,nouuid'},
} as const;

export type FileSystem = keyof typeof fileSystems;

/** What the kernel still writes when the power goes: `all`, the `journal` without the data it speaks of, or `nothing`. */
export const lastWrites = {all: 0, journal: 1, nothing: 2} as const;

export type LastWrite = keyof typeof lastWrites;

/** A disk of its own at a folder, whose power can be cut. Needs root. */
export class LoopDisk {
  private constructor(
    readonly place: string,
    private readonly folder: string,
    private readonly system: FileSystem,
  ) {}

  /** Formats it and mounts it over `place`, which is there. */
  static make(place: string, system: FileSystem): LoopDisk {
    const folder = mkdtempSync(path.join(tmpdir(), 'drover-disk-'));
    const {type, megabytes} = fileSystems[system];
    const disk = new LoopDisk(place, folder, system);
    writeFileSync(disk.image, '');
    truncateSync(disk.image, megabytes * megabyte);
    execFileSync(`mkfs.${type}`, ['-q', disk.image]);
    disk.mount();
    rmSync(path.join(place, 'lost+found'), {recursive: true, force: true});
    chmodSync(place, 0o755);
    return disk;
  }

  /** The words of a command that cuts the power. */
  cutCommand(last: LastWrite): readonly [string, ...string[]] {
    return ['perl', cutter, this.place, String(lastWrites[last])];
  }

  cut(last: LastWrite): void {
    const [program, ...words] = this.cutCommand(last);
    execFileSync(program, words);
  }

  /** Comes back as after a power cut: with what its journal and its data hold. Waits for whoever died with the power. */
  async restart(): Promise<void> {
    await this.unmount();
    this.mount();
    if (this.answers()) return;
    // A mount namespace that somebody made meanwhile holds the one without power: what is on its disk goes on in a copy.
    await this.unmount();
    const copy = `${this.image}.copy`;
    execFileSync('cp', ['--sparse=always', this.image, copy]);
    renameSync(copy, this.image);
    this.mount();
  }

  async remove(): Promise<void> {
    await this.unmount();
    rmSync(this.folder, {recursive: true, force: true});
  }

  private answers(): boolean {
    const probe = path.join(this.place, 'probe');
    try {
      writeFileSync(probe, '');
      rmSync(probe);
      return true;
    } catch {
      return false;
    }
  }

  private get image(): string {
    return path.join(this.folder, 'image');
  }

  private mount(): void {
    execFileSync('mount', ['-o', fileSystems[this.system].options, this.image, this.place]);
  }

  private async unmount(): Promise<void> {
    for (let tries = 0; ; tries++) {
      const ended = spawnSync('umount', [this.place], {encoding: 'utf8'});
      if (ended.status === 0) return;
      if (tries === 200) throw new Error(`umount: ${ended.stderr}`);
      await sleep(50);
    }
  }
}

/** Why no power can be cut here; undefined where it can. */
export function findNoPower(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  const tried = spawnSync('sh', [
    '-c',
    'for tool in perl mkfs.ext4 mkfs.xfs; do command -v $tool >/dev/null || { echo "$tool is missing"; exit 1; }; done\n' +
      'd=$(mktemp -d) && truncate -s 8M "$d/i" && mkfs.ext4 -q "$d/i" && mkdir "$d/m" && mount -o loop "$d/i" "$d/m" && umount "$d/m"; s=$?; rm -rf "$d"; exit $s',
  ]);
  return tried.status === 0 ? undefined : tried.stdout.toString().trim() || 'loop mounts are not allowed here';
}
