import type {SeededRandom} from '../rollout/seeded-random.js';

/** The power went in the middle of a verb. */
export class PowerCut extends Error {}

/** No space, or no way to write. */
export class DiskFull extends Error {}

interface Write {
  readonly path: string;
  readonly content: string | undefined;
  /** What a cut may leave of it instead, besides what was there before. */
  readonly torn: string | undefined;
}

/**
 * Files with two layers: what processes see, and what would be there after a power cut. `flush` makes them the same. A cut keeps of every
 * file some of the writes since then, in their order; of what was not synced by itself the last one may have come without its bytes.
 */
export class Disk {
  private readonly files = new Map<string, string>();
  private readonly durable = new Map<string, string>();
  /** Names by folder, until a file comes or goes. */
  private readonly listed = new Map<string, readonly string[]>();
  private pending: Write[] = [];
  /** Counts every change. */
  version = 0;
  private failing: {left: number; readonly how: 'power-cut' | 'disk-full'} | undefined;

  /** The power goes, or the disk is full, at the n-th write from now on; once. */
  failAt(nth: number, how: 'power-cut' | 'disk-full'): void {
    this.failing = {left: nth, how};
  }

  /** No write fails any more. */
  mend(): void {
    this.failing = undefined;
  }

  read(path: string): string | undefined {
    return this.files.get(path);
  }

  /** What would be there after a cut that took everything since the last flush. */
  readDurable(path: string): string | undefined {
    return this.durable.get(path);
  }

  /** Names below a folder, in order. */
  list(folder: string): readonly string[] {
    const known = this.listed.get(folder);
    if (known !== undefined) return known;
    const names = new Set<string>();
    for (const path of this.files.keys()) if (path.startsWith(folder)) names.add(path.slice(folder.length).split('/')[0]!);
    const sorted = [...names].sort();
    this.listed.set(folder, sorted);
    return sorted;
  }

  /** One rename over what is there. `synced`: its bytes are on the disk before. */
  write(path: string, content: string, synced = false): void {
    this.put({path, content, torn: synced ? undefined : ''});
  }

  append(path: string, line: string): void {
    const before = this.files.get(path) ?? '';
    this.put({path, content: before + line, torn: before + line.slice(0, line.length / 2)});
  }

  remove(path: string): void {
    if (this.files.has(path)) this.put({path, content: undefined, torn: undefined});
  }

  flush(): void {
    for (const write of this.pending) set(this.durable, write.path, write.content);
    this.pending = [];
  }

  /** What is there when the power is back. */
  crash(random: SeededRandom): void {
    for (const path of new Set(this.pending.map((write) => write.path))) {
      const writes = this.pending.filter((write) => write.path === path);
      const kept = random.below(writes.length + 1);
      const last = writes[kept - 1];
      if (last === undefined) continue;
      const isTorn = last.torn !== undefined && random.chance(0.3);
      set(this.durable, path, isTorn ? last.torn : last.content);
    }
    this.pending = [];
    this.version++;
    this.files.clear();
    this.listed.clear();
    for (const [path, content] of this.durable) this.files.set(path, content);
  }

  private put(write: Write): void {
    if (this.failing !== undefined && --this.failing.left === 0) {
      const {how} = this.failing;
      this.failing = undefined;
      if (how === 'disk-full') throw new DiskFull();
      // It may have got that far or not.
      this.pending.push(write);
      throw new PowerCut();
    }
    this.version++;
    if (write.content === undefined || !this.files.has(write.path)) this.listed.clear();
    set(this.files, write.path, write.content);
    this.pending.push(write);
  }

  /** What processes see, in the order of names. */
  entries(): readonly (readonly [string, string])[] {
    return [...this.files].sort(byName);
  }

  /** What a power cut could leave, besides what processes see: all of it decides what comes next. */
  unflushed(): unknown {
    return this.pending.length === 0 ? [] : [this.pending, [...this.durable].sort(byName)];
  }
}

function byName([one]: readonly [string, string], [other]: readonly [string, string]): number {
  return one < other ? -1 : 1;
}

function set(files: Map<string, string>, path: string, content: string | undefined): void {
  if (content === undefined) files.delete(path);
  else files.set(path, content);
}
