import {createHash} from 'node:crypto';
import {DroverError} from '../errors/drover-error.js';
import type {PartitionRule, Partitions} from './app.js';
import type {Host, Inventory} from './host.js';
import {matchesPath, parsePathPattern} from './partition-pattern.js';
import {chooseHolders} from './rendezvous.js';
import {matchExpression} from './selection.js';

/** Hosts that stand in for one another: each of them holds the partition. */
export interface HolderSet {
  /** The hosts that the copies are shared out among. */
  readonly among: readonly string[];
  readonly hosts: readonly string[];
  /** How many were asked for; undefined where all that a rule selects hold it. */
  readonly copies?: number;
}

export interface Partition {
  readonly name: string;
  /** One for each silo where copies are counted within silos; none where a rule says that the paths go nowhere. */
  readonly sets: readonly HolderSet[];
}

/** Who holds what. Depends on the settings and the names of the hosts alone. */
export interface Assignment {
  readonly partitions: readonly Partition[];
  /** The partition of a path; undefined when no rule assigns it. */
  partitionOf(path: string): string | undefined;
  /** The partitions that a host holds. */
  heldBy(host: string): ReadonlySet<string>;
}

export interface AssignOptions {
  /** Of which app; for messages. */
  readonly app: string;
  readonly partitions: Partitions;
  readonly inventory: Inventory;
  /** Hosts that carry the app, selected or not. */
  readonly members: readonly Host[];
}

/** Shares the content of an app out among its hosts. Throws `invalid-file` when there are fewer hosts than copies, `selection` for a rule without a host. */
export function assignPartitions(options: AssignOptions): Assignment {
  const {partitions: settings, members} = options;
  const partitions = settings.kind === 'path' ? assignRules(options, settings) : assignHashes(options, settings);
  const held = new Map(members.map((host): [string, Set<string>] => [host.name, new Set()]));
  for (const {name, sets} of partitions) for (const {hosts} of sets) for (const host of hosts) held.get(host)?.add(name);
  const heldBy = (host: string): ReadonlySet<string> => held.get(host) ?? new Set();
  return {partitions, heldBy, partitionOf: settings.kind === 'path' ? matchRules(settings.rules) : hashPaths(settings)};
}

function nameRule(rule: PartitionRule): string {
  return rule.paths.join(',');
}

function assignRules({app, inventory, members}: AssignOptions, {rules, copies}: Extract<Partitions, {kind: 'path'}>): readonly Partition[] {
  const carriers = new Set<string>(members.map((host) => host.name));
  return rules.map((rule, index): Partition => {
    const name = nameRule(rule);
    if (rule.hosts === undefined) return {name, sets: []};
    const where = `apps.${app}.partitions.rules[${index}].hosts`;
    const hosts = matchExpression(inventory, rule.hosts, where)
      .map((host) => host.name)
      .filter((host) => carriers.has(host));
    if (hosts.length === 0) {
      const message = `${where} ${JSON.stringify(rule.hosts)} selects no host that carries the app`;
      throw new DroverError({code: 'selection', message, fix: `select among the hosts of apps.${app}.hosts, or write none`});
    }
    if (copies === undefined) return {name, sets: [{among: [...carriers], hosts}]};
    expectCopies(app, {copies, total: hosts.length, where: `of rule ${JSON.stringify(name)}`});
    return {name, sets: [{among: [...carriers], hosts: chooseHolders(name, hosts, copies), copies}]};
  });
}

function assignHashes({app, members}: AssignOptions, {count, copies, within}: Extract<Partitions, {kind: 'hash'}>): readonly Partition[] {
  const silos = [...new Set(members.map((host) => host.silo))];
  const pools =
    within === 'all'
      ? [{where: 'that carry it', hosts: members.map((host) => host.name)}]
      : silos.map((silo) => ({
          where: `of silo ${JSON.stringify(silo)}`,
          hosts: members.filter((host) => host.silo === silo).map((host) => host.name),
        }));
  for (const {where, hosts} of pools) expectCopies(app, {copies, total: hosts.length, where});
  return Array.from({length: count}, (_, index): Partition => {
    const name = String(index);
    return {name, sets: pools.map(({hosts}) => ({among: hosts, hosts: chooseHolders(name, hosts, copies), copies}))};
  });
}

function expectCopies(app: string, {copies, total, where}: {copies: number; total: number; where: string}): void {
  if (copies <= total) return;
  throw new DroverError({
    code: 'invalid-file',
    message: `apps.${app}.partitions.copies is ${copies}, more than the ${total} hosts ${where}`,
    fix: 'lower it or add hosts',
  });
}

function matchRules(rules: readonly PartitionRule[]): (path: string) => string | undefined {
  const patterns = rules.map((rule) => ({name: nameRule(rule), parsed: rule.paths.map(parsePathPattern)}));
  return (path) => patterns.find(({parsed}) => parsed.some((pattern) => matchesPath(pattern, path)))?.name;
}

function hashPaths({count, depth}: Extract<Partitions, {kind: 'hash'}>): (path: string) => string {
  const known = new Map<string, string>();
  return (path) => {
    const key = path.split('/', depth).join('/');
    const found = known.get(key);
    if (found !== undefined) return found;
    const name = String(createHash('sha256').update(key).digest().readUInt32BE() % count);
    known.set(key, name);
    return name;
  };
}
