import {execFile, spawnSync} from 'node:child_process';
import {promisify} from 'node:util';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {DroverError} from '../../src/lib/errors/drover-error.js';
import {drainEverywhere} from '../../src/lib/traffic/everywhere.js';
import {type Channel, findChannel, namePlace} from '../../src/lib/traffic/nsq-channel.js';
import {linkLocally, makeHost, patiently} from './local-machine.js';
import {NsqDouble} from './nsq-double.js';

const host = makeHost('worker1');

describe('a channel of NSQ', () => {
  let one: NsqDouble;
  let two: NsqDouble;
  beforeEach(async () => {
    one = await NsqDouble.start();
    two = await NsqDouble.start();
    for (const nsqd of [one, two]) nsqd.channels.set('thumbs/workers#ephemeral', {paused: false, inFlight: 1});
  });
  afterEach(() => Promise.all([one.stop(), two.stop()]));

  const find = (more: {nsqd?: readonly string[]; lookupd?: readonly string[]; channel?: string}): Promise<Channel> =>
    findChannel({
      link: linkLocally(host),
      intake: {kind: 'nsq', topic: 'thumbs', channel: 'workers#ephemeral', nsqd: [], lookupd: [], ...more},
      signal: patiently,
    });
  const drain = (places: Channel['places'], more: {then?: 'close' | 'abort'; waitMs?: number} = {}): Promise<{cut: number}> =>
    drainEverywhere({
      ...{host, places, drain: {waitMs: 60_000, then: 'abort', ...more}, signal: patiently},
      ...{sleep: async () => undefined, warn: async () => undefined},
    });
  const paused = (): readonly (boolean | undefined)[] => [one, two].map((each) => each.channels.get('thumbs/workers#ephemeral')?.paused);

  it('is paused at every nsqd, counts as done when none has a message in flight, and is opened again', async () => {
    const {places} = await find({nsqd: [one.origin, two.origin]});
    let looks = 0;
    const settle = (nsqd: NsqDouble) => (path: string) => {
      const channel = nsqd.channels.get('thumbs/workers#ephemeral');
      if (path === '/stats' && channel?.paused === true && ++looks > 4) channel.inFlight = 0;
      return undefined;
    };
    one.onRequest = settle(one);
    two.onRequest = settle(two);
    expect(await drain(places)).toEqual({cut: 0});
    expect(paused()).toEqual([true, true]);
    for (const place of places) await place.putBack(patiently);
    expect(paused()).toEqual([false, false]);
  });

  it('at a loopback is a place of each machine, and elsewhere the same for all', () => {
    const [near, far] = (['http://localhost:4151', 'http://nsq1:4151'] as const).map((origin) =>
      [makeHost('w1', {}), makeHost('w2', {})].map((each) => {
        const {name} = namePlace({...each, ssh: {...each.ssh, link: 'auto'}}, {topic: 't', channel: 'c'}, origin);
        return name;
      }),
    );
    expect(near).toEqual(['channel t/c at nsqd http://localhost:4151 of w1', 'channel t/c at nsqd http://localhost:4151 of w2']);
    expect(new Set(far)).toEqual(new Set(['channel t/c at nsqd http://nsq1:4151']));
  });

  it('is paused everywhere or nowhere: when one nsqd refuses, and when messages are left at the deadline', async () => {
    const {places} = await find({nsqd: [one.origin, two.origin]});
    two.onRequest = (path) => (path === '/channel/pause' ? 500 : undefined);
    await expect(drain(places)).rejects.toThrow(/worker1: .*: pause of the channel answered 500 INTERNAL_ERROR/);
    expect(paused()).toEqual([false, false]);
    two.onRequest = () => undefined;
    await expect(drain(places, {waitMs: 0})).rejects.toThrow('still has 2 open sessions');
    expect(paused()).toEqual([false, false]);
    expect(await drain(places, {waitMs: 0, then: 'close'})).toEqual({cut: 2});
  });

  it('is looked up at every nsqlookupd, of which one has to answer; an nsqd without it is left out', async () => {
    const lookup = await NsqDouble.start();
    const dead = await NsqDouble.start();
    await dead.stop();
    try {
      const producer = (port: unknown, address: unknown = '127.0.0.1') => ({broadcast_address: address, http_port: port});
      lookup.producers.set('thumbs', [producer(one.port), producer(lookup.port)]);
      const found = await find({lookupd: [dead.origin, lookup.origin], nsqd: [two.origin]});
      expect(found.places.map(({name}) => name).sort()).toEqual(
        [one, two].map(({origin}) => `channel thumbs/workers#ephemeral at nsqd ${origin} of this machine`).sort(),
      );
      expect(found.silent).toEqual([expect.stringContaining(`${dead.origin} gives no answer`)]);
      await expect(find({lookupd: [dead.origin]})).rejects.toMatchObject({code: 'unreachable'});
      await expect(find({lookupd: [lookup.origin], channel: 'x'})).rejects.toThrow(
        'no nsqd has channel "x" of topic "thumbs" (asked: http://',
      );
      lookup.producers.set('thumbs', [producer(one.port, "a'; reboot '")]);
      await expect(find({lookupd: [lookup.origin]})).rejects.toThrow('a producer at');
    } finally {
      await lookup.stop();
    }
  });

  it('refuses what is no nsqd, and one that is silent', async () => {
    two.onRequest = () => 404;
    await expect(find({nsqd: [one.origin, two.origin]})).rejects.toMatchObject({code: 'refused'});
    await two.stop();
    const error = await find({nsqd: [one.origin, two.origin]}).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DroverError);
    expect(error).toMatchObject({code: 'unreachable', message: expect.stringContaining(`worker1: ${two.origin} gives no answer`)});
  });

  it.each(['curl', 'wget'].filter((tool) => spawnSync('sh', ['-c', `command -v ${tool}`]).status === 0))(
    'is opened from the worker itself with %s',
    async (tool) => {
      const {places, resume} = await find({nsqd: [one.origin, two.origin]});
      for (const place of places) await place.takeOut(patiently);
      const without = tool === 'curl' ? '' : 'curl() { return 127; }\n';
      await promisify(execFile)('sh', ['-c', without + resume]);
      expect(paused()).toEqual([false, false]);
      await two.stop();
      await expect(promisify(execFile)('sh', ['-c', without + resume])).rejects.toMatchObject({code: 1});
    },
  );
});
