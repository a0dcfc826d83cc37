import {describe, expect, it} from 'vitest';
import type {Happening} from '../../src/lib/events/event.js';
import type {App} from '../../src/lib/inventory/app.js';
import {warnOfDangling} from '../../src/lib/operations/app-parts.js';

async function warn(...parts: (readonly string[])[]): Promise<readonly Happening[]> {
  const said: Happening[] = [];
  const world = {emit: async (happening: Happening) => void said.push(happening)};
  await warnOfDangling(
    world,
    {name: 'content'} as App,
    parts.map((dangling) => ({dangling})),
  );
  return said;
}

describe('warnOfDangling()', () => {
  it('says nothing where every link leads somewhere', async () => {
    expect(await warn([], [])).toEqual([]);
  });

  it('names a link once, however many hosts lack its target, and what to do', async () => {
    const [only, ...more] = await warn(['eu/latest'], ['eu/latest'], []);
    expect(more).toEqual([]);
    expect(only).toMatchObject({
      kind: 'warning',
      message:
        'link "eu/latest" leads into another partition, and nowhere on hosts that do not hold it; give link and target one rule in apps.content.partitions, or copy the target',
    });
  });

  it('names three of many and counts the rest', async () => {
    const [only] = await warn(['b', 'a'], ['e', 'd', 'c']);
    expect(only).toMatchObject({message: expect.stringMatching(/^links "a", "b", "c", 2 more lead into/) as string});
  });
});
