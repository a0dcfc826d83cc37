#!/usr/bin/env node
import {existsSync, readFileSync} from 'node:fs';
import module from 'node:module';
import os from 'node:os';
import {fileURLToPath} from 'node:url';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`drover needs Node 20.19 or newer; this is ${process.version}\n`);
  process.exit(2);
}
const root = new URL('..', import.meta.url);
const main = new URL('dist/lib/cli/main.js', root);
if (!existsSync(main)) {
  process.stderr.write('drover is not built; run: npm run build\n');
  process.exit(2);
}
if (process.argv[2] === '--version' && !os.release().includes('icrosoft')) {
  // What oclif would print, without loading it; Windows' own Linux has another name there.
  const {name, version} = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
  process.stdout.write(`${name}/${version} ${process.platform}-${process.arch} node-${process.version}\n`);
} else if (process.argv[2] === 'completion' && process.argv[3] === '--words') {
  module.enableCompileCache?.();
  const completer = await import(new URL('dist/lib/cli/completer.js', root).href);
  await completer.complete(fileURLToPath(root), process.argv.slice(4));
} else {
  // A stack then names the sources. It costs reading the maps, so only those who look at stacks pay.
  if (process.argv.includes('--debug') || process.env.DROVER_DEBUG) process.setSourceMapsEnabled(true);
  module.enableCompileCache?.();
  const program = await import(main.href);
  await program.main(fileURLToPath(root));
}
