import {describe, expect, it} from 'vitest';
import {ChannelHolds} from '../../src/lib/operations/channel-holds.js';
import {drainEverywhere, type Place} from '../../src/lib/traffic/everywhere.js';
import {makeHost, patiently} from '../traffic/local-machine.js';

/** A channel at one nsqd whose answer to the next order is held until it is let out; the order is in force once it is answered. */
class SlowPlace implements Place {
  readonly name = 'channel thumbs/workers at nsqd';
  readonly orders: string[] = [];
  isOut = false;
  private answer: Promise<void> = Promise.resolve();

  holdNext(): () => void {
    let letOut = (): void => undefined;
    this.answer = new Promise((resolve) => {
      letOut = resolve;
    });
    return letOut;
  }

  look: Place['look'] = async () => ({order: this.isOut ? 'out' : 'in', isServing: !this.isOut, others: 1, sessions: 0, isOver: true});
  takeOut = (): Promise<void> => this.obey('out');
  putBack = (): Promise<void> => this.obey('in');

  private async obey(order: 'in' | 'out'): Promise<void> {
    const {answer} = this;
    this.answer = Promise.resolve();
    this.orders.push(order);
    await answer;
    this.isOut = order === 'out';
  }
}

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate);
};

const drain = (
  holds: ChannelHolds,
  place: Place,
  worker: string,
  more: {then?: 'abort'; sessions?: number} = {},
): Promise<{cut: number}> => {
  const shared = holds.share(place, worker);
  const look: Place['look'] = async (signal) => ({...(await shared.look(signal)), ...(more.sessions ? {sessions: 1, isOver: false} : {})});
  return drainEverywhere({
    ...{host: makeHost(worker), places: [{...shared, look}], drain: {waitMs: 0, then: more.then ?? 'close'}, signal: patiently},
    ...{sleep: () => turns(1), warn: async () => undefined},
  });
};
describe('a channel that workers share', () => {
  it('is opened by the last of those that let go in the same moment', async () => {
    const holds = new ChannelHolds();
    const place = new SlowPlace();
    const workers = ['w1', 'w2', 'w3'];
    for (const worker of workers) {
      await holds.keep([place], worker);
      await drain(holds, place, worker);
    }
    expect(place.orders).toEqual(['out']);
    await Promise.all(workers.map(async (worker) => holds.letGo(worker) && holds.open(place, patiently)));
    expect(place.orders).toEqual(['out', 'in']);
    expect(place.isOut).toBe(false);
  });

  it('is paused anew by a worker that comes while it is being opened', async () => {
    const holds = new ChannelHolds();
    const place = new SlowPlace();
    await holds.keep([place], 'w1');
    await drain(holds, place, 'w1');
    const letOut = place.holdNext();
    expect(holds.letGo('w1')).toBe(true);
    const opening = holds.open(place, patiently);
    await turns(1);
    const coming = holds.keep([place], 'w2').then(() => drain(holds, place, 'w2'));
    await turns(10);
    expect(place.orders).toEqual(['out', 'in']);
    letOut();
    await Promise.all([opening, coming]);
    expect(place.orders).toEqual(['out', 'in', 'out']);
    expect(place.isOut).toBe(true);
  });

  it('stays paused for one worker when the drain of another, which paused it, is given up', async () => {
    const holds = new ChannelHolds();
    const place = new SlowPlace();
    await holds.keep([place], 'w1');
    await holds.keep([place], 'w2');
    await expect(drain(holds, place, 'w1', {then: 'abort', sessions: 1})).rejects.toThrow('still has 1 open session');
    expect(place.orders).toEqual(['out']);
    expect(holds.letGo('w2')).toBe(true);
    await holds.open(place, patiently);
    expect(place.isOut).toBe(false);
  });

  it('is opened by another when the one that should have cannot, and is not left to it', async () => {
    const holds = new ChannelHolds();
    const place = new SlowPlace();
    await holds.keep([place], 'w1');
    await drain(holds, place, 'w1');
    holds.letGo('w1');
    const broken = {...place, name: place.name, putBack: () => Promise.reject(new Error('silent'))};
    await expect(holds.open(broken, patiently)).rejects.toThrow('silent');
    await holds.keep([place], 'w2');
    expect(holds.letGo('w2')).toBe(true);
    await holds.open(place, patiently);
    expect(place.isOut).toBe(false);
  });

  it('is neither paused nor opened for a worker that another run has, nor kept for it', async () => {
    const holds = new ChannelHolds();
    const place = new SlowPlace();
    await holds.keep([place], 'w1');
    await holds.keep([place], 'w2');
    holds.forfeit('w1');
    const shared = holds.share(place, 'w1');
    await expect(shared.takeOut(patiently)).rejects.toMatchObject({code: 'leased'});
    expect(holds.letGo('w2')).toBe(true);
    await shared.putBack(patiently);
    expect(place.orders).toEqual([]);
  });
});
