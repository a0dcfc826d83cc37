import {randomBytes} from 'node:crypto';
import {mkdirSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import type {Ratio, Section} from './bench-report.js';
import {makeProject} from './drover-project.js';
import {measure} from './measure.js';
import {type PushFleet, startFleet} from './push-fleet.js';
import {putAside, takeSnapshot} from './push-peers.js';
import {startWireCounter} from './wire-counter.js';

const [files, fileBytes, hostCount, silos] = [64, 256 * 1024, 6, 2];

/** What leaves the operator's machine when one host of each silo hands the delta on, and when none does. */
export async function countRelayBytes(folder: string): Promise<{section: Section; ratio: Ratio}> {
  const fleet: PushFleet = await startFleet(path.join(folder, 'fleet'), hostCount);
  const counter = await startWireCounter(fleet.port);
  try {
    fleet.knowPort(counter.port);
    const source = path.join(folder, 'source');
    mkdirSync(source, {recursive: true});
    // No compression makes these smaller: the delta is as large as they are.
    for (let index = 0; index < files; index += 1) writeFileSync(path.join(source, `f${index}`), randomBytes(fileBytes));
    const project = makeProject(path.join(folder, 'project'), source);
    writeFileSync(path.join(project.folder, 'inventory.yml'), fleet.inventory(hostCount, {port: counter.port, silos}));
    const id = takeSnapshot(project, source);
    const onceBytes = silos * files * fileBytes;
    const rows: {name: string; sentBytes: number; once: number}[] = [];
    for (const via of ['direct', 'relay']) {
      putAside(fleet.hosts, 'content');
      counter.take();
      const {command, ...options} = project.command('push', 'content', id, '--all', '--inventory-changed', '--via', via);
      await measure(command, options);
      const {sentBytes} = counter.take();
      rows.push({name: via, sentBytes, once: sentBytes / onceBytes});
    }
    return {
      section: {
        title: `Bytes that leave the operator: ${(files * fileBytes) / 1024 ** 2} MiB to ${hostCount} hosts in ${silos} silos`,
        columns: [
          {key: 'name', title: 'via'},
          {key: 'sentBytes', title: 'bytes sent'},
          {key: 'once', title: 'over once per silo', digits: 3},
        ],
        rows,
        note: 'All that TCP carries from the operator to hosts, SSH and its handshakes included.',
      },
      ratio: {name: 'relay-bytes/once', value: rows.find(({name}) => name === 'relay')?.once, aim: {atMost: 1.05}},
    };
  } finally {
    counter.close();
    await fleet.stop();
  }
}
