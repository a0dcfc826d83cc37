import {DroverError} from '../errors/drover-error.js';
import {quoteWord} from '../errors/shell-word.js';
import {openShell} from '../host/open-link.js';
import {foldHostSet} from '../inventory/folded-hosts.js';
import type {Host} from '../inventory/host.js';
import type {Answer} from './answer.js';
import {chooseHosts, loadInventoryOnly, type ProjectFlags} from './load-project.js';
import {runtimeDirectory} from './state-directory.js';

/** `drover shell HOST`: everything that could be wrong is told before a connection is opened. */
export async function conductShell(words: string, flags: ProjectFlags, env: NodeJS.ProcessEnv): Promise<Answer> {
  const inventory = await loadInventoryOnly(flags, env, AbortSignal.timeout(60_000));
  const host = chooseOne(chooseHosts(inventory, {hosts: words, all: false}), words);
  if (host.ssh.link === 'local') {
    throw new DroverError({
      code: 'usage',
      message: `${host.name} is this machine (link: local)`,
      fix: 'you have a shell here',
      host: host.name,
    });
  }
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    const fix = `run a command instead: drover run --hosts ${quoteWord(host.name)} -- COMMAND`;
    throw new DroverError({code: 'usage', message: 'drover shell needs a terminal, for its input and its output', fix});
  }
  // It ends the login; when ssh has the terminal, a Ctrl-C is the host's.
  const login = new AbortController();
  const giveUp = (): void => login.abort();
  process.on('SIGINT', giveUp);
  try {
    const status = await openShell(host, {env, runtimeDirectory: runtimeDirectory(env), signal: login.signal});
    return {text: '', json: {schemaVersion: 1, host: host.name, status}, exit: 0, passed: status};
  } finally {
    process.off('SIGINT', giveUp);
  }
}

function chooseOne(hosts: readonly Host[], words: string): Host {
  const [only, ...more] = hosts;
  if (only !== undefined && more.length === 0) return only;
  throw new DroverError({
    code: 'selection',
    message: `${JSON.stringify(words)} is ${hosts.length} hosts: ${foldHostSet(hosts.map(({name}) => name))}`,
    fix: 'name one; for many there is drover run',
  });
}
