import {existsSync} from 'node:fs';
import {chmod, mkdir, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {plainEnv} from '../host/some-host.js';
import type {Shell} from '../host/verb-site.js';

/** Programs that the verbs of staging start; each start of one is a step. */
const tools = [
  ...[
    'awk',
    'base64',
    'cat',
    'chmod',
    'cmp',
    'comm',
    'cp',
    'curl',
    'cut',
    'dd',
    'df',
    'find',
    'flock',
    'grep',
    'gzip',
    'head',
    'id',
    'ln',
    'ls',
  ],
  ...[
    'mkdir',
    'mkfifo',
    'mv',
    'readlink',
    'rm',
    'rmdir',
    'sed',
    'sha256sum',
    'sort',
    'ssh',
    'stat',
    'sync',
    'tail',
    'tar',
    'tr',
    'wc',
    'xargs',
    'zstd',
  ],
];

/** A shell on a host that can be killed, without a chance to tidy up, before any program it starts. */
export interface DyingShell {
  readonly shell: Shell;
  /** What happens just before it dies, as a command; nothing until this is called. */
  dieWith(command: readonly string[]): Promise<void>;
  /** The shell of the next calls dies before it starts its nth program, counted over all calls from now on. */
  killAt(step: number): Promise<void>;
  /** Nothing dies any more; the count begins anew. */
  spare(): Promise<void>;
  /** Programs started since `killAt` or `spare`. */
  steps(): Promise<number>;
  /** Whether it came to the step of `killAt`. */
  hasDied(): boolean;
  remove(): Promise<void>;
}

export async function makeDyingShell(): Promise<DyingShell> {
  const folder = await mkdtemp(path.join(tmpdir(), 'drover-dying-'));
  const count = path.join(folder, 'count');
  const limit = path.join(folder, 'limit');
  const last = path.join(folder, 'last');
  const died = path.join(folder, 'died');
  const shims = path.join(folder, 'shims');
  await mkdir(shims);
  for (const tool of tools) {
    const real = ['/usr/bin', '/bin', '/usr/sbin'].map((place) => path.join(place, tool)).find((file) => existsSync(file));
    if (real === undefined) continue;
    // The subshell that starts it goes first, then the shell of the verb, as when the kernel ends a session.
    const text = `#!/bin/sh
echo $$ >>${count}
IFS= read -r limit <${limit}
if [ "$limit" -gt 0 ] && [ "$(/usr/bin/awk -v me=$$ '$1 == me {line = NR} END {print line}' ${count})" -eq "$limit" ]; then
  true >${died}
  . ${last}
  kill -KILL "$PPID" "$VERB_SHELL"
  exit 1
fi
exec ${real} "$@"
`;
    await writeFile(path.join(shims, tool), text, {mode: 0o755});
  }
  const start = path.join(folder, 'start');
  await writeFile(start, '#!/bin/sh\nVERB_SHELL=$$\nexport VERB_SHELL\nexec dash "$@"\n');
  await chmod(start, 0o755);
  const begin = async (step: number): Promise<void> => {
    await writeFile(limit, `${step}\n`);
    await writeFile(count, '');
    await rm(died, {force: true});
  };
  await begin(0);
  await writeFile(last, '');
  return {
    shell: {name: 'dash that dies', words: [start], env: plainEnv({PATH: `${shims}:${process.env.PATH ?? ''}`})},
    dieWith: (command) => writeFile(last, `${command.map((word) => `'${word}'`).join(' ')}\n`),
    killAt: begin,
    spare: () => begin(0),
    steps: async () => (await readFile(count, 'utf8')).split('\n').length - 1,
    hasDied: () => existsSync(died),
    remove: () => rm(folder, {recursive: true, force: true}),
  };
}
