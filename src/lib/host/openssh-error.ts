import {DroverError} from '../errors/drover-error.js';
import type {Host} from '../inventory/host.js';
import {explainScan} from './host-key.js';

/** What the words of a failed `ssh` mean: OpenSSH's own words decide; anything unknown is `unreachable`. */
export function readSshError(host: Host, stderr: string): DroverError {
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
    const known = /Offending .* key in (\S+)/.exec(stderr)?.[1];
    return problem(
      'host-key',
      `the host key has CHANGED: it shows ${shown}${known === undefined ? '' : `, another is known in ${known}`}`,
      between,
    );
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
  if (refused !== undefined) return problem('authentication', refused, 'check the user and that its authorized_keys holds your key');
  if (/ssh: not found/.test(stderr)) return problem('unreachable', 'ssh not found in PATH', 'install the OpenSSH client');
  if (/unix_listener: .*too long/.test(stderr))
    return problem('unsupported', 'the path of the control socket is too long', 'set XDG_RUNTIME_DIR to a short path');
  return problem('unreachable', lines.at(-1) ?? 'ssh ended without a word', 'check that sshd runs there and that you can reach it');
}

/** True where the words say that the server's key was of a kind that the pin may not be of. */
export function blamesHostKey(stderr: string): boolean {
  return /Host key verification failed|no matching host key type/.test(stderr);
}
