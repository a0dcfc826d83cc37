/**
 * Started by bench:fanout: `true` on all hosts of an inventory, again and again over the connections of the first time, as a run with several
 * steps does it. Prints one JSON object with an entry for each time.
 * Usage: held-steps.ts INVENTORY STEPS AT-ONCE STATE-FOLDER
 */
import {homedir} from 'node:os';
import {createEmitter} from '../src/lib/events/emitter.js';
import {openSinks} from '../src/lib/events/open-sinks.js';
import {createRunId} from '../src/lib/events/run-id.js';
import {createLinkOpener} from '../src/lib/host/open-link.js';
import {loadInventory} from '../src/lib/inventory/inventory-file.js';
import {runCommand} from '../src/lib/operations/run-command.js';

const [file = '', steps = '', atOnce = '', stateDir = ''] = process.argv.slice(2);
const signal = new AbortController().signal;
const inventory = await loadInventory(file, {
  signal,
  home: homedir(),
  run: () => Promise.reject(new Error('the inventory of a benchmark is no program')),
});
const hosts = inventory.hosts;
const run = createRunId({now: Date.now, random: Math.random});
const sinks = await openSinks({stateDir, run, receivers: [], random: Math.random});
const links = createLinkOpener({env: process.env, runtimeDirectory: stateDir});
const world = {
  project: {file: '', inventory: file, apps: new Map(), store: '', events: []},
  ...{inventory, links, run, operator: 'bench', reason: '', concurrency: Number(atOnce)},
  emit: createEmitter({run, now: Date.now, ...sinks}),
  ...{now: Date.now, random: Math.random, interrupted: signal, signal},
};
const taken: object[] = [];
for (let step = 0; step <= Number(steps); step += 1) {
  const [startedMs, cpu] = [performance.now(), process.cpuUsage()];
  const {results} = await runCommand(world, {command: 'true', hosts, timeoutSeconds: 60, maxBytes: 65_536, onResult: () => undefined});
  const {user, system} = process.cpuUsage(cpu);
  const failed = results.find(({failure}) => failure !== undefined);
  if (failed !== undefined) throw new Error(`${failed.host}: ${failed.failure}`);
  taken.push({wallS: (performance.now() - startedMs) / 1000, cpuS: (user + system) / 1e6});
}
await links.closeAll();
await sinks.close();
process.stdout.write(`${JSON.stringify(taken)}\n`);
