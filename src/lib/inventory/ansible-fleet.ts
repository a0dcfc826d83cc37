import {parseRoleName} from './host-name.js';
import type {SourceEntry, SourceFault, SourceNode} from './source-node.js';

type ScalarNode = Extract<SourceNode, {kind: 'scalar'}>;

/** One variable where it was written. Lists and maps are kept, though nothing here reads them. */
export type AnsibleVariables = ReadonlyMap<string, SourceNode>;

export interface AnsibleGroup {
  readonly offset: number;
  readonly hosts: ReadonlySet<string>;
  readonly children: ReadonlyMap<string, number>;
  readonly variables: AnsibleVariables;
}

/** What an Ansible inventory says, whatever the format. Hosts come in the order in which they are first named. */
export interface AnsibleFleet {
  readonly hosts: ReadonlyMap<string, {readonly offset: number; readonly variables: AnsibleVariables}>;
  readonly groups: ReadonlyMap<string, AnsibleGroup>;
}

export interface ReadAnsible {
  readonly fleet: AnsibleFleet;
  readonly faults: readonly SourceFault[];
}

/** A fleet that is still being read. */
export class AnsibleFleetBuilder {
  readonly #hosts = new Map<string, {offset: number; variables: Map<string, SourceNode>}>();
  readonly #groups = new Map<
    string,
    {offset: number; hosts: Set<string>; children: Map<string, number>; variables: Map<string, SourceNode>}
  >();
  readonly faults: SourceFault[] = [];

  fleet(): AnsibleFleet {
    return {hosts: this.#hosts, groups: this.#groups};
  }

  group(name: string, offset: number) {
    const known = this.#groups.get(name);
    if (known !== undefined) return known;
    const group = {offset, hosts: new Set<string>(), children: new Map<string, number>(), variables: new Map<string, SourceNode>()};
    this.#groups.set(name, group);
    return group;
  }

  hasHost(name: string): boolean {
    return this.#hosts.has(name);
  }

  /** The host itself; `group` is one that it belongs to. */
  host(name: string, offset: number, group?: string): {readonly variables: Map<string, SourceNode>} {
    const host = this.#hosts.get(name) ?? {offset, variables: new Map<string, SourceNode>()};
    this.#hosts.set(name, host);
    if (group !== undefined) this.group(group, offset).hosts.add(name);
    return host;
  }
}

/** Groups that every host is in, or that mean "no other": they say nothing of what a host does. */
const impliedGroups: ReadonlySet<string> = new Set(['all', 'ungrouped']);

/** How far below `all` each group stands at most; groups that include themselves are faults. */
function measureDepths({groups}: AnsibleFleet, faults: SourceFault[]): ReadonlyMap<string, number> {
  const depths = new Map<string, number>();
  const descend = (name: string, trail: readonly string[]): void => {
    const depth = trail.length;
    if (depth <= (depths.get(name) ?? -1)) return;
    depths.set(name, depth);
    for (const [child, offset] of groups.get(name)?.children ?? []) {
      const at = [...trail, name].indexOf(child);
      if (at < 0) descend(child, [...trail, name]);
      else {
        const through = [...trail, name].at(-1);
        const way = through === child ? '' : ` through ${JSON.stringify(through)}`;
        faults.push({offset, message: `group ${JSON.stringify(child)} includes itself${way}`, fix: 'remove it from one of them'});
      }
    }
  };
  for (const name of groups.keys()) descend(name, name === 'all' ? [] : ['all']);
  return depths;
}

/** Every group that a host is in, by itself or through a child; the farthest from `all` last, as their variables count. */
function groupsOfHosts(fleet: AnsibleFleet, depths: ReadonlyMap<string, number>): ReadonlyMap<string, readonly string[]> {
  const parents = new Map<string, string[]>();
  for (const [name, {children}] of fleet.groups)
    for (const child of children.keys()) parents.set(child, [...(parents.get(child) ?? []), name]);
  const memberOf = new Map<string, Set<string>>([...fleet.hosts.keys()].map((host) => [host, new Set(['all'])]));
  const ancestors = (name: string, found: Set<string>): Set<string> => {
    if (found.has(name)) return found;
    found.add(name);
    for (const parent of parents.get(name) ?? []) ancestors(parent, found);
    return found;
  };
  for (const [name, {hosts}] of fleet.groups) {
    const all = ancestors(name, new Set());
    for (const host of hosts) for (const group of all) memberOf.get(host)?.add(group);
  }
  const rank = (name: string): number => depths.get(name) ?? 0;
  const order = (one: string, other: string): number => rank(one) - rank(other) || (one < other ? -1 : 1);
  return new Map([...memberOf].map(([host, groups]) => [host, [...groups].sort(order)]));
}

/** Variables of Ansible, the first that is there, and the key of ours that says the same. */
const sameAs: readonly (readonly [key: string, variables: readonly string[]])[] = [
  ['silo', ['drover_silo', 'silo']],
  ['address', ['ansible_host', 'ansible_ssh_host']],
  ['port', ['ansible_port', 'ansible_ssh_port']],
  ['user', ['ansible_user', 'ansible_ssh_user']],
  ['identity', ['ansible_ssh_private_key_file', 'ansible_private_key_file']],
];

const roleVariables = ['drover_role', 'role'];
const sshConnections: ReadonlySet<string> = new Set(['ssh', 'smart', 'paramiko', 'paramiko_ssh', 'ansible.builtin.ssh']);
const localConnections: ReadonlySet<string> = new Set(['local', 'ansible.builtin.local']);

/** A port is a number, everything else is text, however it was written. */
function toField(key: string, node: ScalarNode): SourceNode {
  const text = typeof node.value === 'string' ? node.value : node.raw;
  if (key !== 'port' || !/^(0|[1-9]\d{0,8})$/.test(text)) return {...node, value: text, raw: JSON.stringify(text)};
  return {...node, value: Number(text), raw: text};
}

/** Group names that cannot be names of roles (`10.0.0`, `eu.west`) are left out: nothing could select them. */
function toRoles(groups: readonly string[], offset: number): SourceNode {
  const named = groups.filter((name) => !impliedGroups.has(name) && parseRoleName(name) !== undefined);
  const roles = named.length > 0 ? named : ['ungrouped'];
  return {kind: 'list', offset, items: roles.map((value) => ({kind: 'scalar', offset, value, raw: JSON.stringify(value)}))};
}

/** What one host's variables say, as the keys of ours; its roles are the names of its groups where they do not. */
function* readFields(
  {offset, variables, groups}: {readonly offset: number; readonly variables: AnsibleVariables; readonly groups: readonly string[]},
  fault: (at: SourceNode, message: string, fix: string) => void,
): Generator<readonly [key: string, value: SourceNode]> {
  const read = (names: readonly string[]): SourceNode | undefined => {
    const node = names.map((name) => variables.get(name)).find((each) => each !== undefined);
    if (node?.kind !== 'scalar') return node;
    if (typeof node.value !== 'string' || !node.value.includes('{{')) return node.value === null ? undefined : node;
    fault(node, `${node.value} is a template, which only Ansible fills in`, 'write the value out');
    return undefined;
  };
  for (const [key, names] of sameAs) {
    const node = read(names);
    if (node !== undefined) yield [key, node.kind === 'scalar' ? toField(key, node) : node];
  }
  const connection = read(['ansible_connection']);
  const by = connection?.kind === 'scalar' ? String(connection.value) : '';
  if (connection !== undefined && localConnections.has(by)) yield ['link', {...connection, kind: 'scalar', value: 'local', raw: 'local'}];
  else if (connection !== undefined && !sshConnections.has(by))
    fault(connection, `not reached by ssh, but by ${JSON.stringify(by)}`, 'leave it out');
  yield ['role', read(roleVariables) ?? toRoles(groups, offset)];
}

/**
 * The same fleet in the shape of our own inventory, each piece with the place where it was written. A host's silo is its variable `drover_silo`
 * or `silo`; its roles are `drover_role` or `role`, else the names of its groups. Variables of a host count before those of its groups, and those of a
 * group before those of the groups that it is in. What else Ansible keeps in variables is none of ours.
 */
export function toInventory({fleet, faults: before}: ReadAnsible): {readonly root: SourceNode; readonly faults: readonly SourceFault[]} {
  const faults = [...before];
  const groupsOf = groupsOfHosts(fleet, measureDepths(fleet, faults));
  const fault = ({offset}: SourceNode, message: string, fix: string): void => void faults.push({offset, message, fix});
  const hosts = [...fleet.hosts].map(([name, {offset, variables: own}]): SourceEntry => {
    const groups = groupsOf.get(name) ?? [];
    const variables = new Map([...groups.flatMap((group) => [...(fleet.groups.get(group)?.variables ?? [])]), ...own]);
    const fields = [...readFields({offset, variables, groups}, fault)];
    const entries = fields.map(([key, value]): SourceEntry => ({key, keyOffset: value.offset, value}));
    return {key: name, keyOffset: offset, value: {kind: 'map', offset, entries}};
  });
  const place = hosts[0]?.keyOffset ?? 0;
  const root: SourceNode = {
    kind: 'map',
    offset: place,
    entries: [{key: 'hosts', keyOffset: place, value: {kind: 'map', offset: place, entries: hosts}}],
  };
  return {root, faults};
}
