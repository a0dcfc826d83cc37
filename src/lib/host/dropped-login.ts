import {DroverError} from '../errors/drover-error.js';
import type {Host} from '../inventory/host.js';

const whenBusy =
  'sshd there has too many logins at once (MaxStartups), or shuts this address out for 15 s to 10 min after logins that failed (PerSourcePenalties)';

/**
 * The server closed the connection before any login was asked for: it had too many at once, or shuts this address out for a while. Without
 * `where` it came through a program or another host, either of which may have closed it.
 */
export class DroppedLogin extends DroverError {
  constructor(host: Host, where: string | undefined) {
    super({
      code: 'unreachable',
      message: `${host.name}: ${where ?? 'the ProxyCommand or jump host before it'} closed the connection before the login`,
      host: host.name,
      fix: where === undefined ? `see where it ends: ssh -v ${host.name}; or ${whenBusy}` : `try again later: ${whenBusy}`,
    });
  }
}

/** What to say of a server that takes other proofs than a key; undefined where a key would do. `methods` are those that it still names. */
export function explainMethods(methods: readonly string[]): {readonly message: string; readonly fix: string} | undefined {
  if (methods.length === 0 || methods.some((method) => /publickey|hostbased|gssapi/.test(method))) return undefined;
  return {
    message: `the login wants ${methods.join(' or ')}, and drover answers no prompt`,
    fix: 'let a key alone log this user in: AuthenticationMethods publickey in its sshd_config',
  };
}
