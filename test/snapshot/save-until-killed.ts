import {spawnSync} from 'node:child_process';
import fs from 'node:fs';
import {createSnapshot} from '../../src/lib/snapshot/create-snapshot.js';
import {openDirectoryStore} from '../../src/lib/snapshot/directory-store.js';

/** A program that saves a snapshot and dies before its n-th change to the file system, as after `kill -9`; a command may run just before. */
const [source = '', path = '', limit = '', last, ...words] = process.argv.slice(2);
let left = Number(limit);
const changes = ['openSync', 'writeSync', 'writeFileSync', 'fsyncSync', 'renameSync', 'rmSync', 'mkdirSync'] as const;
for (const name of changes) {
  const original = fs[name] as (...values: unknown[]) => unknown;
  Object.assign(fs, {
    [name]: (...values: unknown[]) => {
      left -= 1;
      if (left === 0) {
        if (last !== undefined) spawnSync(last, words);
        process.kill(process.pid, 'SIGKILL');
      }
      return original(...values);
    },
  });
}
const now = Date.now;
await createSnapshot({
  source,
  app: 'content',
  ignore: [],
  labels: {},
  store: openDirectoryStore({path, now}),
  now,
  signal: new AbortController().signal,
});
process.stdout.write(`${Number(limit) - left}\n`);
