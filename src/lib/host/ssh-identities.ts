import {readFile} from 'node:fs/promises';
import type {AnyAuthMethod, ParsedKey} from 'ssh2';
import ssh2 from 'ssh2';
import {DroverError} from '../errors/drover-error.js';
import type {Host} from '../inventory/host.js';
import type {ResolvedSsh} from './ssh-settings.js';

/** What a key file holds. `foreign` is what only the OpenSSH client can use: a key on a security token, or a format that we cannot read. */
export type KeyFile =
  | {readonly kind: 'private'; readonly key: ParsedKey}
  | {readonly kind: 'locked'}
  | {readonly kind: 'public'}
  | {readonly kind: 'foreign'; readonly why: string}
  | {readonly kind: 'unreadable'; readonly why: string}
  | {readonly kind: 'missing'};

/** Reads each key file once for all the hosts of a run. */
export class KeyFiles {
  private readonly known = new Map<string, Promise<KeyFile>>();

  read(file: string): Promise<KeyFile> {
    const known = this.known.get(file) ?? readKeyFile(file);
    this.known.set(file, known);
    return known;
  }
}

async function readKeyFile(file: string): Promise<KeyFile> {
  let key: Buffer;
  try {
    key = await readFile(file);
  } catch (error) {
    const {code} = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ENOTDIR' ? {kind: 'missing'} : {kind: 'unreadable', why: code ?? 'unknown'};
  }
  const parsed = ssh2.utils.parseKey(key);
  if (parsed instanceof Error)
    return /encrypted|passphrase/i.test(parsed.message) ? {kind: 'locked'} : {kind: 'foreign', why: parsed.message};
  const first = Array.isArray(parsed) ? parsed[0] : parsed;
  return first?.isPrivateKey() === true ? {kind: 'private', key: first} : {kind: 'public'};
}

/**
 * What to log in with, in OpenSSH's order: the agent (unless IdentitiesOnly), then key files. Files that do not exist or hold nothing for us
 * are passed over, as ssh does, unless the inventory names them; a key with a passphrase is left to the agent. Throws `authentication`.
 */
export async function readIdentities(host: Host, resolved: ResolvedSsh, keyFiles: KeyFiles): Promise<readonly AnyAuthMethod[]> {
  const username = resolved.user;
  const agent: AnyAuthMethod[] = resolved.agent === undefined ? [] : [{type: 'agent', username, agent: resolved.agent}];
  const keys: AnyAuthMethod[] = [];
  const locked: string[] = [];
  const named = host.ssh.identity;
  // `ssh -G` leaves out a file that does not exist.
  if (named !== undefined && (await keyFiles.read(named)).kind === 'missing') throw explainKey(host, named, {kind: 'missing'});
  for (const file of resolved.identityFiles) {
    const found = await keyFiles.read(file);
    if (found.kind === 'private') keys.push({type: 'publickey', username, key: found.key});
    else if (found.kind === 'locked') locked.push(file);
    else if (file === named) throw explainKey(host, file, found);
  }
  // IdentitiesOnly names one of the agent's keys by its file; the others of the agent would be offered too.
  if (resolved.identitiesOnly && locked.length === 0) agent.pop();
  const methods = resolved.identitiesOnly ? [...keys, ...agent] : [...agent, ...keys];
  if (methods.length > 0) return methods;
  if (locked.length > 0) throw explainLocked(host, locked);
  const files = resolved.identityFiles.join(', ') || 'the default keys';
  throw authenticationError(
    host,
    `no key to log in with: no agent runs, and none of ${files} exists`,
    'set ssh: {identity: …} in the inventory',
  );
}

/** Why the identity that the inventory names cannot log in; undefined when nothing speaks against it. */
export async function explainIdentity(host: Host, agent: string | undefined): Promise<DroverError | undefined> {
  const file = host.ssh.identity;
  if (file === undefined) return undefined;
  const found = await readKeyFile(file);
  if (found.kind === 'locked') return agent === undefined ? explainLocked(host, [file]) : undefined;
  return found.kind === 'private' || found.kind === 'foreign' ? undefined : explainKey(host, file, found);
}

function explainKey(host: Host, file: string, found: Exclude<KeyFile, {kind: 'private' | 'locked'}>): DroverError {
  switch (found.kind) {
    case 'public':
      return authenticationError(host, `${file} is a public key`, 'give the path of the private key');
    case 'foreign':
      return authenticationError(
        host,
        `${file} is not a private key that drover can read: ${found.why}`,
        'give the path of the private key, or set ssh: {link: openssh}',
      );
    case 'missing':
      return authenticationError(host, `the key ${file} does not exist`, 'correct ssh: {identity: …} in the inventory');
    case 'unreadable':
      return authenticationError(host, `cannot read the key ${file}: ${found.why}`, 'make it readable to you alone');
  }
}

function explainLocked(host: Host, files: readonly string[]): DroverError {
  return authenticationError(
    host,
    `the key ${files.join(', ')} has a passphrase and no agent runs`,
    'start one: eval "$(ssh-agent)" && ssh-add',
  );
}

function authenticationError(host: Host, message: string, fix: string): DroverError {
  return new DroverError({code: 'authentication', message: `${host.name}: ${message}`, host: host.name, fix});
}
