import {readFileSync} from 'node:fs';
import {gzipSync} from 'node:zlib';

export type VerbName =
  | 'clock'
  | 'command'
  | 'confirm'
  | 'copy-get'
  | 'copy-put'
  | 'discard'
  | 'gc'
  | 'hook'
  | 'lease'
  | 'lease-end'
  | 'note'
  | 'note-part'
  | 'pause'
  | 'pin'
  | 'once'
  | 'prepare'
  | 'read-plan'
  | 'read-state'
  | 'read-target'
  | 'relay-end'
  | 'relay-pull'
  | 'relay-renew'
  | 'relay-serve'
  | 'release'
  | 'renew'
  | 'revert'
  | 'stage-commit'
  | 'stage-fetch'
  | 'stage-open'
  | 'stage-put'
  | 'switch'
  | 'unpause'
  | 'verify';

/** Pieces that a verb needs between the prelude and itself. */
const pieces: Partial<Record<VerbName, readonly string[]>> = {
  clock: ['timing'],
  confirm: ['pins'],
  'copy-get': ['target'],
  'copy-put': ['target', 'tree'],
  discard: ['tree'],
  gc: ['tree'],
  pin: ['pins'],
  lease: ['task'],
  once: ['task', 'task-keeper'],
  pause: ['pause-keeper'],
  prepare: ['readiness'],
  'read-state': ['task'],
  'read-target': ['target', 'tree'],
  'relay-end': ['relay'],
  'relay-pull': ['part', 'relay'],
  'relay-renew': ['relay'],
  'relay-serve': ['relay', 'relay-programs'],
  revert: ['pins', 'home'],
  'stage-commit': ['tree'],
  'stage-fetch': ['part'],
  'stage-put': ['part'],
  switch: ['home', 'dead-man', 'readiness', 'timing', 'appointment'],
  verify: ['tree'],
};

const programs = new Map<VerbName, string>();
const commands = new Map<VerbName, string>();

function readPiece(name: string): string {
  const text = readFileSync(new URL(`./verbs/${name}.sh`, import.meta.url), 'utf8');
  return text.replace(/^ *# (?!shellcheck).*\n/gm, '');
}

const functionOf = /^([a-z_]+)\(\) \{\n[\s\S]*?^\}\n/gm;

/** The program without functions that nothing in it names: what a piece holds for other verbs does not travel. */
function dropUnused(program: string): string {
  const functions = new Map([...program.matchAll(functionOf)].map(([text, name = '']) => [name, text]));
  const used = new Set<string>();
  const names = (text: string): void => {
    for (const word of new Set(text.match(/[a-z_]+/g))) {
      const found = used.has(word) ? undefined : functions.get(word);
      if (found === undefined) continue;
      used.add(word);
      names(found);
    }
  };
  names(program.replace(functionOf, ''));
  const kept = program.replace(functionOf, (text, name: string) => (used.has(name) ? text : ''));
  return kept.replace(/^ +/gm, '').replace(/\n{2,}/g, '\n');
}

/** The whole POSIX sh program of one verb. */
export function verbProgram(name: VerbName): string {
  const known = programs.get(name);
  if (known !== undefined) return known;
  const parts = name === 'command' ? [name] : ['prelude', ...(pieces[name] ?? []), name];
  const text = dropUnused(parts.map(readPiece).join('\n'));
  programs.set(name, text);
  return text;
}

/**
 * What the login shell gets. Base64 has no character that bash, dash, ksh, zsh, fish or tcsh would touch between single
 * quotes, and the program in the request saves the round trip that a program on standard input costs. Packed it is a third of its
 * size, and below the 9,000 bytes that Dropbear takes.
 */
export function verbCommand(name: VerbName): string {
  const known = commands.get(name);
  if (known !== undefined) return known;
  if (name === 'command') return remember(name, quoteInOneLine(verbProgram(name)));
  const packed = gzipSync(verbProgram(name), {level: 9}).toString('base64');
  const unpack = `echo ${packed}|base64 -d|gzip -dc`;
  // The first question to a host is the one that has to be answered without gzip; the last words are those of a missing base64.
  const first = `if command -v gzip >/dev/null;then ${unpack} 2>/dev/null;else ${unpackPlain(withoutGzip)};fi`;
  return remember(name, inShell(name === 'read-state' ? first : unpack));
}

function remember(name: VerbName, command: string): string {
  commands.set(name, command);
  return command;
}

/**
 * A program that is as quick to hand over as it is to run: base64 and gzip would cost the host more than the command. No login shell changes
 * anything in it, csh included: it is one line, without single quotes and without an exclamation mark before anything but a blank or `=`.
 */
function quoteInOneLine(program: string): string {
  const lines = program.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const line = lines.map((text) => (/(?:\b(?:do|then|else|in)|[({&;|])$/.test(text) ? `${text} ` : `${text}; `)).join('');
  if (/'|![^ =]/.test(line)) throw new Error('a login shell would not leave this program as it is');
  return `exec /bin/sh -c '${line.trimEnd().replace(/;$/, '')}'`;
}

/** The reply of a host that cannot unpack a verb. */
const withoutGzip = `IFS= read -r nonce
printf '\\ndrover %s begin\\nerror gzip is missing on this host; install it\\n\\ndrover %s end 16\\n' "$nonce" "$nonce"
`;

function inShell(unpack: string): string {
  return `exec /bin/sh -c 'eval "$(${unpack})"'`;
}

function unpackPlain(program: string): string {
  return `echo ${Buffer.from(program).toString('base64')}|base64 -d`;
}

/** As `verbCommand`, for any POSIX sh program text without values in it, as it is. */
export function shellCommand(program: string): string {
  return inShell(unpackPlain(program));
}
