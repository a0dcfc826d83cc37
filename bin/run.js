#!/usr/bin/env node
import {existsSync} from 'node:fs';
import module from 'node:module';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`drover needs Node 20.19 or newer; this is ${process.version}\n`);
  process.exit(2);
}
if (!existsSync(new URL('../dist/commands', import.meta.url))) {
  process.stderr.write('drover is not built; run: npm run build\n');
  process.exit(2);
}
module.enableCompileCache?.();

const {execute} = await import('@oclif/core');
await execute({dir: import.meta.url});
