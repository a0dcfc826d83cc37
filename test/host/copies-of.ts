import {afterAll, beforeAll} from 'vitest';

interface Copyable<Thing> {
  copy(): Promise<Thing>;
  remove(): Promise<void>;
}

/**
 * Makes something once, before the tests of a block, and gives each of them a copy: to stage and deploy again every time would cost dozens of
 * programs. What `make` starts must have ended when it does.
 */
export function copiesOf<Thing extends Copyable<Thing>>(make: () => Promise<Thing>): () => Promise<Thing> {
  let original: Thing | undefined;
  beforeAll(async () => {
    original = await make();
  });
  afterAll(() => original?.remove());
  return async () => {
    if (original === undefined) throw new Error('there is nothing to copy before the tests begin');
    return original.copy();
  };
}
