import {DroverError} from '../errors/drover-error.js';
import type {Host} from '../inventory/host.js';

/** The server closed the connection before any login was asked for: it had too many at once, or shuts this address out for a while. */
export class DroppedLogin extends DroverError {
  constructor(host: Host, where: string) {
    super({
      code: 'unreachable',
      message: `${host.name}: ${where} closed the connection before the login`,
      host: host.name,
      fix: 'try again later: sshd there has too many logins at once (MaxStartups), or shuts this address out for 15 s to 10 min after logins that failed (PerSourcePenalties)',
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
