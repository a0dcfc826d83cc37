import type {Encoding} from '../snapshot/delta-encoding.js';
import type {SnapshotId} from '../snapshot/manifest.js';
import type {Delta, Store} from '../snapshot/store.js';
import type {World} from './world.js';

/** Where a host starts from, where it goes, and what it can unpack. */
export interface DeltaWish {
  readonly snapshot: SnapshotId;
  readonly base: SnapshotId | undefined;
  readonly encoding: Encoding;
}

/** The deltas of one run, each built once when it is first wanted, whatever the number of hosts. */
export class DeltaShelf {
  private readonly built = new Map<string, Promise<Delta>>();

  constructor(
    private readonly world: World,
    private readonly store: Store,
    /** How many hosts wish for the same; for the record. */
    private readonly countHosts: (wish: DeltaWish) => number,
  ) {}

  take(wish: DeltaWish): Promise<Delta> {
    const key = `${wish.snapshot} ${wish.base} ${wish.encoding}`;
    const known = this.built.get(key);
    if (known !== undefined) return known;
    const building = this.build(wish);
    this.built.set(key, building);
    return building;
  }

  private async build(wish: DeltaWish): Promise<Delta> {
    const {snapshot, base, encoding} = wish;
    const delta = await this.store.delta(base, snapshot, this.world.signal, encoding);
    const {files, bytes} = delta;
    const hosts = Math.max(1, this.countHosts(wish));
    await this.world.emit({kind: 'delta-built', snapshot, files, bytes, hosts, ...(base === undefined ? {} : {base})});
    return delta;
  }
}
