import {DroverError} from '../errors/drover-error.js';
import type {Host} from '../inventory/host.js';
import {DroppedLogin, explainMethods} from './dropped-login.js';
import {explainScan} from './host-key.js';
import {fingerprintOf, type KnownKey} from './known-hosts.js';

/** What ssh, a jump host's ssh or a ProxyCommand says when the way to a host ends before the host. */
const wayEnded =
  /open failed|stdio forwarding failed|Could not resolve|connect to host|Connection refused|No route|Host key verification failed|Permission denied/;

/** The first line that says where the way to a host ended: what follows it are only the ends of whatever waited behind. */
export function findWayEnded(lines: readonly string[]): string | undefined {
  return lines.find((line) => wayEnded.test(line));
}

/**
 * What the words of a failed `ssh` mean: OpenSSH's own words decide; anything unknown is `unreachable`. `recorded` are the keys that
 * known_hosts has for the host.
 */
export function readSshError(host: Host, stderr: string, recorded: readonly KnownKey[] = []): DroverError {
  const lines = stderr
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^[@\s]+$/.test(line));
  const find = (pattern: RegExp): string | undefined => lines.find((line) => pattern.test(line));
  const problem = (code: 'authentication' | 'host-key' | 'unreachable' | 'unsupported', message: string, fix: string): DroverError =>
    new DroverError({code, message: `${host.name}: ${message}`, host: host.name, fix});
  const between = 'find out why before you connect: somebody may be in between';
  const shown = lines.map((line) => /(SHA256:[A-Za-z0-9+/]+)/.exec(line)?.[1]).find((found) => found !== undefined) ?? 'a key';
  if (/revoked/i.test(stderr)) return problem('host-key', `the host key ${shown} is revoked`, 'find out why before you connect');
  if (/IDENTIFICATION HAS CHANGED/.test(stderr)) {
    const offending = /Offending .* key in (\S+)/.exec(stderr)?.[1];
    const known = recorded.map(({key, where}) => `${fingerprintOf(key)} (${where})`).join(', ') || `in ${offending}`;
    return problem('host-key', `the host key has CHANGED: it shows ${shown}, known is ${known}`, between);
  }
  const unknown = /No (\S+) host key is known for (\S+) and/.exec(stderr);
  if (unknown !== null || /Host key verification failed/.test(stderr)) {
    const [, type = 'host', name = host.name] = unknown ?? [];
    if (host.ssh.fingerprint !== undefined) {
      return problem(
        'host-key',
        `no host key of ${name} is ${host.ssh.fingerprint}, which the inventory pins`,
        'find out why it changed, then correct the inventory',
      );
    }
    return problem('host-key', `the ${type} host key of ${name} is not known`, explainScan(host, name));
  }
  const option = /Bad configuration option: (\S+)/i.exec(stderr)?.[1];
  if (option?.toLowerCase() === 'knownhostscommand') {
    return problem('unsupported', 'this ssh cannot check a pinned host key', 'update OpenSSH to 8.5, or set ssh: {link: ssh}');
  }
  const refused = find(/Permission denied \(|Too many authentication failures|no mutual signature/);
  if (refused !== undefined) {
    const wants = explainMethods(/Permission denied \(([^)]*)\)/.exec(refused)?.[1]?.split(',') ?? []);
    if (wants !== undefined) return problem('authentication', `${refused} ${wants.message}`, wants.fix);
    return problem('authentication', refused, 'check the user and that its authorized_keys holds your key');
  }
  const ended = findWayEnded(lines);
  if (ended !== undefined)
    return problem('unreachable', ended, 'check that sshd runs there and that you can reach it, and each host before it');
  // ssh says this too of a jump host that was not reached, but then not alone.
  if (/kex_exchange_identification: (?:Connection closed|read: Connection reset)/.test(stderr))
    return new DroppedLogin(host, findCloser(lines));
  if (/ssh: not found/.test(stderr)) return problem('unreachable', 'ssh not found in PATH', 'install the OpenSSH client');
  if (/unix_listener: .*too long/.test(stderr))
    return problem('unsupported', 'the path of the control socket is too long', 'set XDG_RUNTIME_DIR to a short path');
  return problem('unreachable', lines.at(-1) ?? 'ssh ended without a word', 'check that sshd runs there and that you can reach it');
}

/** Who closed the connection; undefined behind a program or a jump host, where ssh does not know. */
function findCloser(lines: readonly string[]): string | undefined {
  const closers = lines.flatMap((line) => /Connection (?:closed|reset) by (\S+ port \d+)/.exec(line)?.[1] ?? []);
  return closers.length === 0 ? 'sshd there' : closers.find((closer) => !closer.startsWith('UNKNOWN '));
}

/** True where the words say that the server's key was of a kind that the pin may not be of. */
export function blamesHostKey(stderr: string): boolean {
  return /Host key verification failed|no matching host key type/.test(stderr);
}
