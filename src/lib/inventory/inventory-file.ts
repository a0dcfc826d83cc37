import {homedir} from 'node:os';
import path from 'node:path';
import {DroverError, type Problem} from '../errors/drover-error.js';
import {isAnsible, readAnsibleData} from './ansible-data.js';
import {toInventory} from './ansible-fleet.js';
import {isIni, readAnsibleIni} from './ansible-ini.js';
import type {Host, HostName, Inventory, RoleName, SiloName, SshSettings} from './host.js';
import {parseHostName} from './host-name.js';
import {inspectIdentity} from './identity-file.js';
import {type HostInput, type InventoryInput, inventorySchema, parseHostKey} from './inventory-schema.js';
import {explainIssues} from './schema-problems.js';
import {readSource, type Source, throwProblems} from './source.js';
import {decodeText, inspectFile, readTextFile} from './text-file.js';

const defaultConnectTimeoutMs = 10_000;

export interface InventoryOptions {
  readonly signal: AbortSignal;
  /** Runs an inventory program and gives what it prints; throws a DroverError when it fails, hangs or prints too much. */
  readonly run?: (program: string, signal: AbortSignal) => Promise<string>;
  /** What `~/` stands for. */
  readonly home?: string;
}

type ReachInput = NonNullable<InventoryInput['ssh']>;

/** The hosts a key of `hosts` names, or nothing when it is not a host set: the schema says what is wrong with it. */
function expandKey(key: string): string[] {
  try {
    return parseHostKey(key);
  } catch (error) {
    if (error instanceof DroverError) return [];
    throw error;
  }
}

/** Every host that two keys name, at the second of them. */
function findDuplicateHosts(source: Source): Problem[] {
  const problems: Problem[] = [];
  const firstKeys = new Map<string, string>();
  for (const key of source.keysAt(['hosts'])) {
    for (const name of expandKey(key)) {
      const first = firstKeys.get(name.toLowerCase());
      if (first === undefined) firstKeys.set(name.toLowerCase(), key);
      else if (first !== key) {
        const message = `host ${JSON.stringify(name)} is named twice, first at ${source.locate(['hosts', first])}`;
        problems.push(source.problem('key', ['hosts', key], message, 'remove it from one of them'));
      }
    }
  }
  return problems;
}

/** An address or a pinned key belongs to one machine. */
function findSharedMachines(source: Source): Problem[] {
  return source.keysAt(['hosts']).flatMap((key) => {
    const {length} = expandKey(key);
    if (length < 2) return [];
    const shared = ['address', 'relay_address'].filter((name) => source.nodeAt(['hosts', key, name]) !== undefined);
    return shared.map((name) =>
      source.problem('key', ['hosts', key, name], `one address for ${length} hosts`, 'list each host with its own'),
    );
  });
}

/** Where only the system's ssh may go to hosts, nobody chooses another client; hosts on this machine need none. */
function findForbiddenLinks(source: Source): Problem[] {
  const required = source.nodeAt(['ssh', 'require']);
  if (required?.kind !== 'scalar' || required.value !== 'openssh') return [];
  return [['ssh'], ...source.keysAt(['hosts']).map((key) => ['hosts', key])].flatMap((place) => {
    const link = source.nodeAt([...place, 'link']);
    if (link?.kind !== 'scalar' || link.value !== 'ssh') return [];
    const message = `link ssh, where ssh.require at ${source.locate(['ssh', 'require'])} wants openssh`;
    return [source.problem('value', [...place, 'link'], message, 'remove it')];
  });
}

function parseInventory(source: Source): InventoryInput {
  const parsed = inventorySchema.safeParse(source.data);
  const issues = parsed.success ? [] : explainIssues(source, parsed.error.issues);
  throwProblems([
    ...source.problems,
    ...issues,
    ...findDuplicateHosts(source),
    ...findSharedMachines(source),
    ...findForbiddenLinks(source),
  ]);
  if (!parsed.success) throw new Error('a schema refused without an issue', {cause: parsed.error});
  return parsed.data;
}

function resolveFile(text: string, folder: string, home: string): string {
  return text.startsWith('~/') ? path.join(home, text.slice(2)) : path.resolve(folder, text);
}

function buildSettings(host: HostInput, defaults: ReachInput, resolve: (text: string) => string): SshSettings {
  const {user, port, identity, config, known_hosts: knownHosts, link = 'auto', connect_timeout: connectTimeoutMs} = {...defaults, ...host};
  const {address, fingerprint} = host;
  return {
    ...(user === undefined ? {} : {user}),
    ...(port === undefined ? {} : {port}),
    ...(address === undefined ? {} : {address}),
    ...(identity === undefined ? {} : {identity: resolve(identity)}),
    ...(config === undefined ? {} : {config: resolve(config)}),
    ...(knownHosts === undefined ? {} : {knownHosts: resolve(knownHosts)}),
    ...(fingerprint === undefined ? {} : {fingerprint}),
    link: link === 'auto' && defaults.require === 'openssh' ? 'openssh' : link,
    connectTimeoutMs: connectTimeoutMs ?? defaultConnectTimeoutMs,
  };
}

function buildHosts(source: Source, input: InventoryInput, resolve: (text: string) => string): Host[] {
  return source.keysAt(['hosts']).flatMap((key) => {
    const settings = (Object.hasOwn(input.hosts, key) ? input.hosts[key] : undefined) ?? {};
    const ssh = buildSettings(settings, input.ssh ?? {}, resolve);
    const silo = settings.silo ?? ('default' as SiloName);
    const {relay_address: relayAddress} = settings;
    const roles = [settings.role ?? ('web' as RoleName)].flat();
    return parseHostKey(key).flatMap((text): Host[] => {
      const name: HostName | undefined = parseHostName(text);
      return name === undefined
        ? []
        : [{name, silo, roles: [...new Set(roles)], ssh, ...(relayAddress === undefined ? {} : {relayAddress})}];
    });
  });
}

async function findUnusableIdentities(source: Source, input: InventoryInput, resolve: (text: string) => string): Promise<Problem[]> {
  const places = [['ssh'], ...source.keysAt(['hosts']).map((key) => ['hosts', key])].map((place) => [...place, 'identity']);
  const inspected = new Map<string, ReturnType<typeof inspectIdentity>>();
  const inspect = (file: string): ReturnType<typeof inspectIdentity> => {
    const known = inspected.get(file) ?? inspectIdentity(file);
    inspected.set(file, known);
    return known;
  };
  const findings = places.map(async (place): Promise<Problem[]> => {
    const text = place[0] === 'ssh' ? input.ssh?.identity : input.hosts[place[1] ?? '']?.identity;
    const finding = text === undefined ? undefined : await inspect(resolve(text));
    return finding ? [source.problem('value', place, `identity ${text} ${finding.message}`, finding.fix)] : [];
  });
  return (await Promise.all(findings)).flat();
}

/** An executable that is not named like data is a program whose output counts. */
async function readInventoryText(
  file: string,
  {signal, run}: InventoryOptions,
): Promise<{text: string; shown: string; format: 'yaml' | 'json'}> {
  const reading = {what: 'inventory', createWith: 'create it with: drover init', signal};
  const {shown, isExecutable, start} = await inspectFile(file, reading);
  const extension = path.extname(file).toLowerCase();
  const isProgram = !['.yml', '.yaml', '.json'].includes(extension) && (isExecutable || start.startsWith('#!'));
  if (!isProgram) return {text: await readTextFile(file, reading), shown, format: extension === '.json' ? 'json' : 'yaml'};
  const refuse = (what: string, fix: string): never => {
    throw new DroverError({code: 'invalid-file', message: `inventory ${shown} ${what}`, fix});
  };
  if (!isExecutable) return refuse('is not executable', `chmod +x ${shown}`);
  if (/^#!.*\r\n/.test(start)) return refuse('has Windows line ends, so its first line names no program', 'save it with Unix line ends');
  if (!run) return refuse('is a program, and this command runs none', 'use a file');
  const output = await run(path.resolve(file), signal);
  return {text: decodeText(Buffer.from(output), shown), shown: `output of ${shown}`, format: 'json'};
}

/**
 * Reads the inventory: YAML, JSON, or a program that prints the same as JSON; or what Ansible reads: INI, YAML, or what its `--list` prints.
 * Hosts come in the order of the file. Throws `not-found`, or `invalid-file` with every problem and its place; aborts with the signal's reason.
 */
export async function loadInventory(file: string, options: InventoryOptions): Promise<Inventory> {
  const {text, shown, format} = await readInventoryText(file, options);
  const whenEmpty = {message: `inventory ${shown} is empty`, fix: 'it needs at least one host'};
  const isData = ['.yml', '.yaml', '.json'].includes(path.extname(file).toLowerCase());
  const source = readSource(text, {
    ...{file: shown, format, whenEmpty},
    ...(!isData && isIni(text) ? {read: (written) => toInventory(readAnsibleIni(written))} : {}),
    reshape: (root) => (isAnsible(root) ? toInventory(readAnsibleData(root)) : {root, faults: []}),
  });
  const input = parseInventory(source);
  const resolve = (wanted: string): string => resolveFile(wanted, path.dirname(path.resolve(file)), options.home ?? homedir());
  throwProblems(await findUnusableIdentities(source, input, resolve));
  const hosts = buildHosts(source, input, resolve);
  if (hosts.length === 0) throwProblems([source.problem('key', ['hosts'], whenEmpty.message, whenEmpty.fix)]);
  return {file: path.resolve(file), hosts};
}
