import {spawn} from 'node:child_process';
import {constants} from 'node:os';
import type {Host} from '../inventory/host.js';
import {type OpensshOptions, openMaster} from './openssh-link.js';
import {terminalArguments} from './ssh-arguments.js';

/**
 * A login shell on one host, on the terminal that drover itself has, by the system's ssh: logged in as every link is, by the same settings and
 * with the host key verified, then handed over. Gives the status of the shell, 255 when the connection was lost, and 128 and its number
 * when a signal ended ssh. Throws as a link does where it cannot log in.
 */
export async function runShell(host: Host, options: OpensshOptions): Promise<number> {
  const master = await openMaster(host, options);
  try {
    const words = [...terminalArguments(master.socket), '-o', 'SendEnv=LANG LC_*', '-t', '--', host.name];
    return await new Promise<number>((resolve, reject) => {
      const child = spawn('ssh', words, {stdio: 'inherit', env: options.env});
      child.once('error', reject);
      child.once('exit', (status, signal) => resolve(status ?? 128 + (signal === null ? 0 : constants.signals[signal])));
    });
  } finally {
    await master.stop();
  }
}
