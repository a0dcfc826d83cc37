import {printable} from '../errors/printable.js';
import {foldHostSet} from '../inventory/folded-hosts.js';
import type {PlanFile} from '../operations/plan-file.js';
import {describePlan} from './plan-text.js';

/**
 * All that a plan file says, for the person who is to sign it: made from the very data whose digest is signed, and safe for a terminal whatever is in it.
 */
export function describePlanFile(file: PlanFile): string {
  const {author, reason, made, expires, inventory, settings, expected, rollout, boundMs, digest} = file;
  const hosts = new Map<string, string[]>();
  for (const {name} of rollout.hosts) {
    const {epoch, keys} = expected[name] ?? {epoch: 0, keys: []};
    const key = keys.length === 0 ? 'no host key' : keys.join(' or ');
    hosts.set(`epoch ${epoch}, ${key}`, [...(hosts.get(`epoch ${epoch}, ${key}`) ?? []), name]);
  }
  const lines = [
    `plan   sha256:${digest}`,
    `author ${author}${reason === '' ? '' : `: ${reason}`}`,
    `made   ${made}`,
    `holds  until ${expires}`,
    `fleet  ${inventory.name} (${inventory.digest})`,
    ...rollout.hosts.map(({name, from, to}) => `  ${name}  ${from ?? 'nothing'} -> ${to}`),
    ...[...hosts].map(([what, names]) => `  ${foldHostSet(names)}  ${what}`),
    'settings',
    ...Object.entries(settings).map(([key, value]) => `  ${key}: ${JSON.stringify(value)}`),
  ];
  return `${lines.map((line) => printable(line)).join('\n')}\n${describePlan(rollout, boundMs)}`;
}
