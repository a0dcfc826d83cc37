import type {SnapshotId} from '../snapshot/manifest.js';
import type {Delta, Store} from '../snapshot/store.js';
import type {World} from './world.js';

/** The deltas to one snapshot, each built once when it is first wanted, whatever the number of hosts. */
export class DeltaShelf {
  private readonly built = new Map<string | undefined, Promise<Delta>>();

  constructor(
    private readonly world: World,
    private readonly store: Store,
    private readonly snapshot: SnapshotId,
    /** How many hosts start from a base; for the record. */
    private readonly countHosts: (base: SnapshotId | undefined) => number,
  ) {}

  take(base: SnapshotId | undefined): Promise<Delta> {
    const known = this.built.get(base);
    if (known !== undefined) return known;
    const building = this.build(base);
    this.built.set(base, building);
    return building;
  }

  private async build(base: SnapshotId | undefined): Promise<Delta> {
    const delta = await this.store.delta(base, this.snapshot, this.world.signal);
    const {files, bytes} = delta;
    const hosts = Math.max(1, this.countHosts(base));
    await this.world.emit({kind: 'delta-built', snapshot: this.snapshot, files, bytes, hosts, ...(base === undefined ? {} : {base})});
    return delta;
  }
}
