import {type SendOptions, type Sent, sendDelta} from '../delivery/send-delta.js';
import {type FetchOptions, fetchDelta} from '../delivery/via-store.js';
import type {HostState} from '../host/host-state.js';
import type {Delta, SharedDelta, Store} from '../snapshot/store.js';
import {describeError} from './on-host.js';
import type {World} from './world.js';

/** The deltas of one run in the bucket, each uploaded once, when the first host wants it; and what is said when a host goes another way. */
export class BucketShelf {
  readonly #shared = new Map<string, Promise<SharedDelta | undefined>>();
  readonly #told = new Set<string>();

  constructor(
    private readonly world: Pick<World, 'emit' | 'signal'>,
    private readonly store: Pick<Store, 'share'>,
  ) {}

  /** Lets a host fetch the delta; sends it straight where the bucket, or the host, cannot. One warning for each reason, not for each host. */
  async bring(state: HostState | undefined, options: SendOptions & Pick<FetchOptions, 'rate'>): Promise<Sent> {
    const name = options.host.link.host.name;
    const straight = async (why: string): Promise<Sent> => {
      await this.#warn(name, why);
      return sendDelta(options);
    };
    if (state?.tools.has('curl') === false) return straight('curl is missing on this host');
    const shared = await this.#share(options.delta);
    if (shared === undefined) return sendDelta(options);
    return fetchDelta({...options, shared, otherwise: straight});
  }

  #share(delta: Delta): Promise<SharedDelta | undefined> {
    const known = this.#shared.get(delta.digest);
    if (known !== undefined) return known;
    const sharing = this.#upload(delta);
    this.#shared.set(delta.digest, sharing);
    return sharing;
  }

  async #upload(delta: Delta): Promise<SharedDelta | undefined> {
    try {
      return await this.store.share?.(delta, this.world.signal);
    } catch (error) {
      this.world.signal.throwIfAborted();
      await this.#warn(undefined, `the delta cannot be uploaded: ${describeError(error)}`);
      return undefined;
    }
  }

  async #warn(host: string | undefined, why: string): Promise<void> {
    const reason = host === undefined ? why : why.replace(`${host}: `, '');
    if (this.#told.has(reason)) return;
    this.#told.add(reason);
    await this.world.emit({
      kind: 'warning',
      ...(host === undefined ? {} : {host}),
      message: `${reason}: sending straight instead of through the bucket`,
    });
  }
}
