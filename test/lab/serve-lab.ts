/** The background process of the daemon's tests: `serve-lab.ts DIR [fail|deaf]`. */

import {serveLab} from '../../src/lib/lab/lab-daemon.js';
import {readBirth, writeRecord} from '../../src/lib/lab/lab-record.js';

const [, , dir = '', mode] = process.argv;
if (mode === 'fail') {
  process.stderr.write('first\nno room at the inn\n');
  process.exitCode = 1;
} else if (mode === 'deaf') {
  await writeRecord(dir, {pid: process.pid, born: (await readBirth(process.pid)) ?? '', token: 'x'});
  process.stdout.write('ready\n');
  setInterval(() => {}, 1000);
} else {
  await serveLab({dir, hosts: 2, signal: new AbortController().signal});
}
