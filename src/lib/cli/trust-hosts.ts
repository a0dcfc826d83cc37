import {appendFile, readFile} from 'node:fs/promises';
import path from 'node:path';
import {DroverError} from '../errors/drover-error.js';
import {writeKnownLine} from '../host/known-hosts.js';
import type {ShownKey} from '../host/shown-key.js';
import {foldHostSet} from '../inventory/folded-hosts.js';
import type {Inventory} from '../inventory/host.js';
import {readHostKeys} from '../operations/read-host-keys.js';
import {formatCount} from '../report/quantity.js';
import {renderTable} from '../report/table.js';
import type {Answer} from './answer.js';
import {askToGoOn} from './ask.js';
import {chooseHosts, loadInventoryOnly, type ProjectFlags, type SelectionFlags} from './load-project.js';
import {inspectTerminal, type Terminal} from './terminal.js';

type TrustFlags = ProjectFlags & SelectionFlags & {readonly yes: boolean; readonly concurrency: number; readonly file?: string | undefined};

const paints = {known: 'dim', new: 'warn', changed: 'bad', revoked: 'bad'} as const;

/** `drover hosts trust`: shows the keys of hosts, and writes those that are new into a known_hosts file when a person says so. */
export async function trustHosts(flags: TrustFlags, env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Answer> {
  const inventory = await loadInventoryOnly(flags, env, signal);
  const hosts = chooseHosts(inventory, flags);
  const file = path.resolve(flags.file ?? chooseFile(inventory));
  const {concurrency} = flags;
  const {keys, problems} = await readHostKeys(hosts, {files: [file], concurrency, env, random: Math.random, signal});
  const terminal = inspectTerminal(env);
  const table = renderKeys(keys, terminal);
  const bad = keys.filter(({verdict}) => verdict === 'changed' || verdict === 'revoked');
  const fresh = keys.filter(({verdict}) => verdict === 'new');
  const silent = problems.map(({message}) => `no key: ${message}\n`).join('');
  process.stderr.write(flags.yes || fresh.length === 0 ? '' : `${table}${silent}`);
  const shown = path.relative('', file);
  const question = `Trust ${formatCount(fresh.length, 'new key')}, and write ${fresh.length === 1 ? 'it' : 'them'} to ${shown}?`;
  const written = fresh.length > 0 && (await askToGoOn(question, {yes: flags.yes, mayAsk: terminal.mayAsk, signal}));
  if (written) await addKeys(file, fresh);
  const isRead = inventory.hosts.some(({ssh}) => ssh.knownHosts === file);
  const hint =
    written && !isRead && flags.file === undefined
      ? `let drover read it: in ${path.basename(inventory.file)}, ssh: {known_hosts: ${path.basename(file)}}\n`
      : '';
  const ending = bad.map(describeBad).join('');
  const wrote = written ? `wrote ${formatCount(fresh.length, 'key')} to ${shown}\n${hint}` : '';
  return {
    text: `${written || fresh.length === 0 || flags.yes ? `${table}${silent}` : ''}${ending}${wrote}`,
    json: {schemaVersion: 1, file, written, keys, silent: problems.map(({host, message}) => ({host, message}))},
    exit: bad.length > 0 || problems.length > 0 ? 6 : fresh.length > 0 && !written ? 4 : 0,
  };
}

/** The file that the inventory names, else one beside it. */
function chooseFile(inventory: Inventory): string {
  const named = [...new Set(inventory.hosts.map(({ssh}) => ssh.knownHosts))];
  const [only] = named;
  if (named.length > 1)
    throw new DroverError({code: 'usage', message: 'the hosts have several known_hosts files', fix: 'say which one: --file FILE'});
  return only ?? path.join(path.dirname(inventory.file), 'known_hosts');
}

async function addKeys(file: string, keys: readonly ShownKey[]): Promise<void> {
  const lines = keys.map(writeKnownLine).join('');
  try {
    const before = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
    const gap = before === '' || before.endsWith('\n') ? '' : '\n';
    await appendFile(file, `${gap}${lines}`);
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new DroverError({code: 'refused', message: `${file} cannot be written (${why})`, fix: 'name another one with --file'});
  }
}

function describeBad({host, verdict, fingerprint, known}: ShownKey): string {
  if (verdict === 'revoked') return `${host}: the key ${fingerprint} is revoked; find out why before you connect\n`;
  return `${host}: the host key has CHANGED: it shows ${fingerprint}, known is ${known.join(', ')}; find out why before you connect\n`;
}

function renderKeys(keys: readonly ShownKey[], terminal: Terminal): string {
  const groups = new Map<string, {readonly hosts: string[]; readonly first: ShownKey}>();
  for (const key of keys) {
    const group = groups.get(`${key.fingerprint} ${key.verdict}`) ?? {hosts: [], first: key};
    group.hosts.push(key.host);
    groups.set(`${key.fingerprint} ${key.verdict}`, group);
  }
  return renderTable({
    columns: [{title: 'HOSTS'}, {title: 'KEY', shrinks: false}, {title: 'TYPE', shrinks: false}, {title: 'FINGERPRINT', shrinks: false}],
    rows: [...groups.values()].map(({hosts, first}) => [
      foldHostSet(hosts),
      {text: first.verdict, paint: paints[first.verdict]},
      first.type,
      first.fingerprint,
    ]),
    colour: terminal.outColour,
    ...(terminal.outColumns === undefined ? {} : {width: terminal.outColumns}),
  });
}
