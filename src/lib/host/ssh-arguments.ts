import type {Host} from '../inventory/host.js';

/** The arguments that name a host to `ssh`, from the inventory alone: every value is an option of its own, none is a shell word. */
export function sshArguments(host: Host): string[] {
  const {ssh} = host;
  const words: string[] = [];
  if (ssh.config !== undefined) words.push('-F', ssh.config);
  if (ssh.user !== undefined) words.push('-l', ssh.user);
  if (ssh.port !== undefined) words.push('-p', String(ssh.port));
  if (ssh.address !== undefined) words.push('-o', `HostName=${ssh.address}`);
  if (ssh.identity !== undefined) words.push('-i', escapeToken(ssh.identity), '-o', 'IdentitiesOnly=yes');
  if (ssh.knownHosts !== undefined)
    words.push('-o', `UserKnownHostsFile=${quotePath(escapeToken(ssh.knownHosts))}`, '-o', 'GlobalKnownHostsFile=/dev/null');
  return words;
}

/** One path where ssh_config takes several: it splits them at blanks, and knows quotes and comments (in quotes, `\` escapes). */
export function quotePath(file: string): string {
  return /[\s"'\\#]/.test(file) ? `"${file.replace(/["\\]/g, '\\$&')}"` : file;
}

/** A path where ssh would expand % tokens. */
export function escapeToken(file: string): string {
  return file.replaceAll('%', '%%');
}

/** The arguments of the ssh that carries all sessions of a host through its control socket. `settings` are `Keyword=value`. */
export function masterArguments(host: Host, {socket, settings}: {readonly socket: string; readonly settings: readonly string[]}): string[] {
  const flags = settings.flatMap((setting) => ['-o', setting]);
  return ['-M', '-S', escapeToken(socket), '-N', '-T', ...flags, ...sshArguments(host), '--', host.name];
}

/** Options of a session through the control socket, which reads no ssh_config and makes no connection of its own. */
export function sessionArguments(socket: string): string[] {
  return [...terminalArguments(socket), '-o', 'EscapeChar=none'];
}

/** As `sessionArguments`, for a person at a terminal, who may type ssh's escapes. */
export function terminalArguments(socket: string): string[] {
  const settings = ['ControlMaster=no', 'ProxyCommand=false', 'BatchMode=yes'];
  return ['-S', escapeToken(socket), '-F', '/dev/null', ...settings.flatMap((setting) => ['-o', setting])];
}
