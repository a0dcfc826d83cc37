import {readdirSync, statSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import type {Contender} from './contest.js';
import {measure} from './measure.js';
import {listPushers, type PushStage} from './push-peers.js';
import {startWireCounter} from './wire-counter.js';

export interface WireBytes {
  /** Contender -> what TCP carries to one host, in both directions. */
  readonly perHost: ReadonlyMap<string, number>;
  /** The delta of the two files, as it lies in the store. */
  readonly deltaBytes: number;
}

/** Everybody once more, to one host, with every byte of the connection counted. */
export async function countWireBytes(stage: PushStage, peers: ReadonlyMap<string, string>): Promise<WireBytes> {
  const {fleet, hosts, folder} = stage;
  const counter = await startWireCounter(fleet.port);
  fleet.knowPort(counter.port);
  const inventory = path.join(folder, 'project', 'inventory.yml');
  const count = async ({command, prepare, ...options}: Contender): Promise<number> => {
    await prepare?.();
    // Preparing may bring more than what is counted.
    counter.take();
    await measure(command, options);
    const {sentBytes, receivedBytes} = counter.take();
    return sentBytes + receivedBytes;
  };
  try {
    const alone = {...stage, hosts: hosts.slice(0, 1), port: counter.port};
    const perHost = new Map<string, number>();
    for (const contender of listPushers(alone, peers)) perHost.set(contender.name, await count(contender));
    const deltas = path.join(folder, 'project', 'store', 'deltas');
    const [file = ''] = readdirSync(deltas).filter((name) => /^[0-9a-f]{64}-[0-9a-f]{64}\.\w+$/.test(name));
    return {perHost, deltaBytes: statSync(path.join(deltas, file)).size};
  } finally {
    writeFileSync(inventory, fleet.inventory(hosts.length));
    counter.close();
  }
}
