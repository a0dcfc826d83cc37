import {DroverError} from '../errors/drover-error.js';
import {findClosest} from './closest-name.js';
import {foldHostSet} from './folded-hosts.js';
import type {Host, Inventory} from './host.js';
import {parseSelection, type SelectionTerm} from './selection-expression.js';
import {hasWildcard, matchesWildcard} from './wildcard.js';

export interface SelectionRequest {
  /** Expression of `--hosts`. */
  readonly hosts?: string | undefined;
  /** Names that something else than a person gave: the hosts of a run. */
  readonly names?: readonly string[] | undefined;
  /** Silo names or wildcards of `--silo`, several added up. */
  readonly silo?: readonly string[] | undefined;
  /** As `silo`, for roles. */
  readonly role?: readonly string[] | undefined;
  /** Expression of hosts to leave out. */
  readonly exclude?: string | undefined;
  /** At most this many hosts, the first of the inventory. */
  readonly limit?: number | undefined;
  /** This many of them, by chance. */
  readonly pick?: number | undefined;
  /** In [0, 1), for `pick`. */
  readonly random?: () => number;
  readonly all?: boolean | undefined;
  /** The app's own `hosts`: nothing outside it is ever selected. */
  readonly within?: string | undefined;
}

/** Names that are offered when none matched; the rest is left out of the message. */
const maxOffered = 12;

function refuse(message: string, fix: string): never {
  throw new DroverError({code: 'selection', message, fix});
}

function refuseUnmatched(what: string, wanted: string, kind: string, known: readonly string[]): never {
  const offered = kind === 'hosts' ? foldHostSet(known).split(/,(?![^[]*\])/) : known;
  const listed = offered.slice(0, maxOffered).join(', ') + (offered.length > maxOffered ? ', …' : '');
  const closest = findClosest(wanted, known) ?? known.find((name) => name.startsWith(`${wanted}.`));
  const hint = closest === undefined ? '' : `; did you mean ${JSON.stringify(closest)}?`;
  return refuse(`${what} ${JSON.stringify(wanted)} matches no host`, `${kind} are: ${listed}${hint}`);
}

function matchName(pattern: string, name: string): boolean {
  return hasWildcard(pattern) ? matchesWildcard(pattern, name) : pattern === name;
}

function matchGroup(hosts: readonly Host[], kind: 'role' | 'silo', wanted: string, what: string): Set<Host> {
  const namesOf = (host: Host): readonly string[] => (kind === 'role' ? host.roles : [host.silo]);
  const matched = hosts.filter((host) => namesOf(host).some((name) => matchName(wanted, name)));
  if (matched.length === 0) refuseUnmatched(what, wanted, `${kind}s`, [...new Set(hosts.flatMap(namesOf))].sort());
  return new Set(matched);
}

function matchHosts(hosts: readonly Host[], names: readonly string[], what: string): Set<Host> {
  const byName = new Map<string, Host>(hosts.map((host) => [host.name, host]));
  const matched = new Set<Host>();
  const unmatched: string[] = [];
  for (const name of names) {
    const found = hasWildcard(name) ? hosts.filter((host) => matchesWildcard(name, host.name)) : [byName.get(name)];
    if (found[0] === undefined) unmatched.push(name);
    for (const host of found) if (host) matched.add(host);
  }
  if (unmatched.length > 0) refuseUnmatched(what, foldHostSet(unmatched), 'hosts', [...byName.keys()]);
  return matched;
}

function matchTerm(hosts: readonly Host[], term: SelectionTerm, what: string): ReadonlySet<Host> {
  if (term.kind === 'all') return new Set(hosts);
  return term.kind === 'hosts' ? matchHosts(hosts, term.names, what) : matchGroup(hosts, term.kind, term.name, `${what} ${term.kind}`);
}

/**
 * The hosts of one expression (see `parseSelection`), in inventory order; possibly none, when its parts have no host in common. Throws
 * `selection` when it is malformed or when any part of it, also one to leave out, matches no host of the inventory: that is a typing error.
 */
export function matchExpression(inventory: Inventory, expression: string, name: string): Host[] {
  let selected: ReadonlySet<Host> = new Set<Host>();
  for (const {operator, term} of parseSelection(expression, name)) {
    const matched = matchTerm(inventory.hosts, term, name);
    if (operator === 'union') selected = new Set([...selected, ...matched]);
    else selected = new Set([...selected].filter((host) => matched.has(host) === (operator === 'intersection')));
  }
  return inventory.hosts.filter((host) => selected.has(host));
}

function matchGroups(inventory: Inventory, kind: 'role' | 'silo', wanted: readonly string[]): Set<Host> {
  const names = wanted.flatMap((text) => text.split(',')).map((text) => text.trim());
  if (names.includes('')) refuse(`--${kind} is empty`, `name a ${kind}, or write --all`);
  return new Set(names.flatMap((name) => [...matchGroup(inventory.hosts, kind, name, `--${kind}`)]));
}

function checkRequest({hosts, names, silo = [], role = [], limit, pick, all = false}: SelectionRequest): void {
  const given = [
    hosts === undefined ? [] : ['--hosts'],
    names === undefined ? [] : ['--hosts-from'],
    silo.length > 0 ? ['--silo'] : [],
    role.length > 0 ? ['--role'] : [],
  ].flat();
  if (!all && given.length === 0) refuse('no hosts selected', 'name them with --hosts/--silo, or write --all');
  if (all && given.length > 0) refuse(`use --all or ${given[0]}, not both`, 'remove one of them');
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 1))
    refuse(`--limit must be a whole number from 1, got ${limit}`, 'write, for example, --limit 1');
  if (pick !== undefined && limit !== undefined) refuse('use --pick or --limit, not both', 'remove one of them');
}

/**
 * The hosts a command is about, in inventory order, at least one. `hosts`, `names`, `silo` and `role` narrow each other, `within` narrows
 * them all, then `exclude` takes away and `limit` or `pick` cuts. Nothing selected, nothing matched and nothing left are refused with `selection`, never read as all.
 */
export function selectHosts(inventory: Inventory, request: SelectionRequest): Host[] {
  checkRequest(request);
  const {hosts, names, silo = [], role = [], exclude, limit, pick, random = Math.random, within} = request;
  const filters = [
    ...(hosts === undefined ? [] : [new Set(matchExpression(inventory, hosts, '--hosts'))]),
    ...(names === undefined ? [] : [matchHosts(inventory.hosts, names, '--hosts-from')]),
    ...(silo.length === 0 ? [] : [matchGroups(inventory, 'silo', silo)]),
    ...(role.length === 0 ? [] : [matchGroups(inventory, 'role', role)]),
  ];
  const wanted = inventory.hosts.filter((host) => filters.every((filter) => filter.has(host)));
  if (wanted.length === 0) refuse('no host matches everything that was asked for', 'widen --hosts, --silo or --role');
  const carriers = within === undefined ? undefined : new Set(matchExpression(inventory, within, 'hosts of the app'));
  const carried = carriers ? wanted.filter((host) => carriers.has(host)) : wanted;
  if (carried.length === 0) {
    refuse(
      `${foldHostSet(wanted.map(({name}) => name))} does not carry the app`,
      `the app is on ${JSON.stringify(within)}; select from these`,
    );
  }
  const excluded = exclude === undefined ? undefined : new Set(matchExpression(inventory, exclude, '--exclude'));
  const left = excluded ? carried.filter((host) => !excluded.has(host)) : carried;
  if (left.length === 0) refuse(`--exclude ${JSON.stringify(exclude)} leaves no host`, 'exclude fewer');
  return pick === undefined ? left.slice(0, limit) : pickHosts(left, pick, random);
}

/** Every choice of so many is as likely as every other; the order stays. */
function pickHosts(hosts: readonly Host[], count: number, random: () => number): Host[] {
  let wanted = count;
  return hosts.filter((_host, index) => {
    const isPicked = random() * (hosts.length - index) < wanted;
    if (isPicked) wanted -= 1;
    return isPicked;
  });
}
