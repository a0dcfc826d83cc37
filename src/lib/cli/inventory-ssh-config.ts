import {readFile} from 'node:fs/promises';
import {homedir} from 'node:os';
import path from 'node:path';
import type {Inventory} from '../inventory/host.js';
import type {Trust} from './trusted-file.js';

/** Keywords of ssh_config that neither run a program nor load code, nor send out what is in the environment. */
const harmless = new Set(
  `addressfamily batchmode bindaddress bindinterface casignaturealgorithms certificatefile checkhostip ciphers clearallforwardings
compression connectionattempts connecttimeout controlmaster controlpath controlpersist escapechar exitonforwardfailure fingerprinthash
forkafterauthentication forwardagent forwardx11 globalknownhostsfile gssapiauthentication gssapidelegatecredentials hashknownhosts host
hostkeyalgorithms hostkeyalias hostname identitiesonly identityagent identityfile ignoreunknown ipqos kbdinteractiveauthentication
kexalgorithms loglevel macs match numberofpasswordprompts passwordauthentication permitlocalcommand port preferredauthentications proxyjump
pubkeyacceptedalgorithms pubkeyauthentication rekeylimit requesttty serveralivecountmax serveraliveinterval stricthostkeychecking
tcpkeepalive updatehostkeys user userknownhostsfile visualhostkey`.split(/\s+/),
);

/**
 * The first keyword of an ssh_config that may run a program on this machine, such as ProxyCommand or Match exec; undefined when there is none.
 * What is not known to be harmless counts, Include as well.
 */
export function findRunningKeyword(text: string): string | undefined {
  for (const line of text.split(/[\r\n]+/)) {
    const bare = line.trim();
    if (bare === '' || bare.startsWith('#')) continue;
    const [, keyword = bare, value = ''] = /^"?([^\s="]*)"?[\s=]*(.*)$/.exec(bare) ?? [];
    const word = keyword.toLowerCase();
    if (!harmless.has(word)) return keyword;
    if (word === 'match' && /exec/i.test(value)) return 'Match exec';
    // ssh builds commands of shell from these.
    if (word === 'hostname' && !/^"?[\w.:%-]*"?$/.test(value.trim())) return keyword;
    if (word === 'proxyjump' && !/^[\w.@:,[\]-]*$/.test(value)) return keyword;
  }
  return undefined;
}

/**
 * Refuses (exit 4) an ssh_config that the inventory names and that would run programs here, unless a person trusted it with its present content.
 * Those of the operator and of the machine are theirs; one that cannot be read is left to ssh to explain.
 */
export async function refuseRunningConfigs(inventory: Inventory, trust: Trust & {readonly env: NodeJS.ProcessEnv}): Promise<void> {
  const own = [path.join(trust.env.HOME ?? homedir(), '.ssh'), path.join(homedir(), '.ssh'), '/etc/ssh'];
  const files = new Set(inventory.hosts.flatMap(({ssh}) => (ssh.config === undefined ? [] : [path.resolve(ssh.config)])));
  for (const file of files) {
    if (own.some((folder) => file.startsWith(`${folder}${path.sep}`))) continue;
    const keyword = findRunningKeyword(await readFile(file, 'utf8').catch(() => ''));
    if (keyword === undefined) continue;
    const {expectTrusted} = await import('./trusted-file.js');
    await expectTrusted(file, `ssh_config ${file} of the inventory, which has ${keyword},`, trust);
  }
}
