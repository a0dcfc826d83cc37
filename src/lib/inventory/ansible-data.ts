import {AnsibleFleetBuilder, type ReadAnsible} from './ansible-fleet.js';
import {expandOrFault} from './ansible-ini.js';
import type {SourceEntry, SourceNode} from './source-node.js';

const groupKeys: ReadonlySet<string> = new Set(['hosts', 'children', 'vars']);

function entriesOf(node: SourceNode | undefined): readonly SourceEntry[] {
  return node?.kind === 'map' ? node.entries : [];
}

function isGroup({key, value}: SourceEntry): boolean {
  if (key === '_meta' || value.kind === 'list') return true;
  return value.kind === 'map' ? value.entries.every((entry) => groupKeys.has(entry.key)) : value.value === null;
}

/** A map of groups, as Ansible's YAML inventories and `ansible-inventory --list` have it; ours has `hosts` at the top. */
export function isAnsible(root: SourceNode): boolean {
  const entries = entriesOf(root);
  if (entries.some(({key}) => key === 'hosts') || !entries.every(isGroup)) return false;
  return entries.some(({key, value}) => key === '_meta' || value.kind === 'list' || entriesOf(value).some((entry) => entry.key !== 'vars'));
}

/** Reads both: hosts and children as maps (YAML) or as lists (`--list`), host variables where the host stands or in `_meta`. */
export function readAnsibleData(root: SourceNode): ReadAnsible {
  const fleet = new AnsibleFleetBuilder();
  for (const {key, keyOffset, value} of entriesOf(root)) if (key !== '_meta') readGroup(fleet, key, keyOffset, value);
  const meta = entriesOf(root).find(({key}) => key === '_meta')?.value;
  const hostvars = entriesOf(meta).find(({key}) => key === 'hostvars')?.value;
  // Of hosts that no group has, Ansible knows nothing but these variables, and leaves them out.
  for (const {key, keyOffset, value} of entriesOf(hostvars).filter(({key}) => fleet.hasHost(key))) {
    const {variables} = fleet.host(key, keyOffset);
    for (const variable of entriesOf(value)) variables.set(variable.key, variable.value);
  }
  return {fleet: fleet.fleet(), faults: fleet.faults};
}

function readGroup(fleet: AnsibleFleetBuilder, name: string, offset: number, node: SourceNode): void {
  const group = fleet.group(name, offset);
  if (node.kind === 'list') readHosts(fleet, name, node);
  for (const {key, keyOffset, value} of entriesOf(node)) {
    if (key === 'hosts') readHosts(fleet, name, value);
    else if (key === 'vars') for (const variable of entriesOf(value)) group.variables.set(variable.key, variable.value);
    else if (key === 'children' && value.kind === 'list') {
      for (const child of value.items) if (child.kind === 'scalar') group.children.set(String(child.value), child.offset);
    } else if (key === 'children')
      for (const child of entriesOf(value)) {
        group.children.set(child.key, child.keyOffset);
        readGroup(fleet, child.key, child.keyOffset, child.value);
      }
    else
      fleet.faults.push({
        offset: keyOffset,
        message: `unknown key ${JSON.stringify(key)} in group ${JSON.stringify(name)}`,
        fix: 'known here: hosts, children, vars',
      });
  }
}

function readHosts(fleet: AnsibleFleetBuilder, group: string, node: SourceNode): void {
  if (node.kind === 'list') {
    for (const item of node.items)
      if (item.kind === 'scalar') fleet.host(typeof item.value === 'string' ? item.value : item.raw, item.offset, group);
  }
  for (const {key, keyOffset, value} of entriesOf(node))
    for (const name of expandOrFault(fleet, key, keyOffset)) {
      const {variables} = fleet.host(name, keyOffset, group);
      for (const variable of entriesOf(value)) variables.set(variable.key, variable.value);
    }
}
