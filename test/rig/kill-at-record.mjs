// Loaded into a controller ahead of everything (`node --import`): kill -9 of itself at one record of its journal, counted from 1 in
// KILL_AT_RECORD. KILL_WHEN=before: the world has moved on as far as it could since the record before, and this one is never written.
// KILL_WHEN=after: it is on the disk, and nothing of what follows from it was begun.
import {fdatasyncSync, writeSync} from 'node:fs';
import {open} from 'node:fs/promises';

const at = Number(process.env.KILL_AT_RECORD);
const last = process.env.KILL_WHEN === 'before' ? at - 1 : at;
const someFile = await open('/dev/null');
const files = Object.getPrototypeOf(someFile);
await someFile.close();
const {appendFile} = files;
let written = 0;

files.appendFile = async function appendUntilKilled(data, ...rest) {
  const text = data.toString();
  if (!text.startsWith('{"v":1,"seq":')) return appendFile.call(this, data, ...rest);
  const lines = text.split('\n').filter(Boolean);
  if (written + lines.length < at) {
    written += lines.length;
    return appendFile.call(this, data, ...rest);
  }
  const kept = lines.slice(0, last - written).map((line) => `${line}\n`);
  writeSync(this.fd, kept.join(''));
  fdatasyncSync(this.fd);
  process.kill(process.pid, 'SIGKILL');
  return new Promise(() => undefined);
};
