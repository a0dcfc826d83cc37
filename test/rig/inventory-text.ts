import type {RigHost} from './fleet.js';

/** inventory.yml of a rig's fleet: names resolve in the operator's namespace; everything else comes from its ~/.ssh/config. */
export function writeInventory(options: {
  readonly hosts: readonly RigHost[];
  readonly link?: string;
  /** `30s`; the usual one where left out. */
  readonly connectTimeout?: string;
}): string {
  const hosts = options.hosts.map((host) => `  ${host.name}: {silo: ${host.silo}, role: ${host.takesSockets ? 'socket' : host.role}}`);
  const link = options.link === undefined ? '' : `, link: ${options.link}`;
  const timeout = options.connectTimeout === undefined ? '' : `, connect_timeout: ${options.connectTimeout}`;
  return `hosts:\n${hosts.join('\n')}\nssh: {user: deploy${link}${timeout}}\n`;
}
