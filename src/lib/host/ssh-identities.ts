import {readFile} from 'node:fs/promises';
import type {AnyAuthMethod} from 'ssh2';
import ssh2 from 'ssh2';
import {DroverError} from '../errors/drover-error.js';
import type {Host} from '../inventory/host.js';
import type {ResolvedSsh} from './ssh-settings.js';

/**
 * What to log in with, in OpenSSH's order: the agent (unless IdentitiesOnly), then key files. Files that do not exist are passed over, as
 * ssh does; a key with a passphrase is left to the agent.
 */
export async function readIdentities(host: Host, resolved: ResolvedSsh): Promise<readonly AnyAuthMethod[]> {
  const username = resolved.user;
  const methods: AnyAuthMethod[] = [];
  const locked: string[] = [];
  if (resolved.agent !== undefined && !resolved.identitiesOnly) methods.push({type: 'agent', username, agent: resolved.agent});
  for (const file of resolved.identityFiles) {
    const key = await readKey(host, file);
    if (key === undefined) continue;
    const parsed = ssh2.utils.parseKey(key);
    if (parsed instanceof Error) {
      if (/encrypted|passphrase/i.test(parsed.message)) locked.push(file);
      else throw authenticationError(host, `${file} is not a private key: ${parsed.message}`, 'give the path of the private key');
      continue;
    }
    const first = Array.isArray(parsed) ? parsed[0] : parsed;
    if (first !== undefined && !first.isPrivateKey()) throw authenticationError(host, `${file} is a public key`, 'give the path of the private key');
    methods.push({type: 'publickey', username, key});
  }
  if (locked.length > 0 && resolved.agent !== undefined && resolved.identitiesOnly) methods.push({type: 'agent', username, agent: resolved.agent});
  if (methods.length > 0) return methods;
  if (locked.length > 0) throw authenticationError(host, `the key ${locked.join(', ')} has a passphrase and no agent runs`, 'start one: eval "$(ssh-agent)" && ssh-add');
  throw authenticationError(host, `no key to log in with: no agent runs, and none of ${resolved.identityFiles.join(', ') || 'the default keys'} exists`, 'set ssh: {identity: …} in the inventory');
}

async function readKey(host: Host, file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    const {code} = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && file !== host.ssh.identity) return undefined;
    throw authenticationError(host, `cannot read the key ${file}: ${code === 'ENOENT' ? 'it does not exist' : code}`, 'correct ssh: {identity: …} in the inventory');
  }
}

function authenticationError(host: Host, message: string, fix: string): DroverError {
  return new DroverError({code: 'authentication', message: `${host.name}: ${message}`, host: host.name, fix});
}
