import {readFile} from 'node:fs/promises';
import type {Host} from '../inventory/host.js';
import {askSsh, askUsual, type SshAnswer} from './ssh-answer.js';
import {sshArguments} from './ssh-arguments.js';
import {type ConfigGroup, SshConfig} from './ssh-config.js';
import {type ResolvedSsh, readAnswer, resolveDefaults} from './ssh-settings.js';

/**
 * Asks ssh what it would do, once for all hosts that it cannot tell apart but by their names. The first host of a configuration is asked for;
 * which files ssh read is in its answer, and they say which of the others are alike. Where they cannot say it, or where ssh failed, each
 * host is asked for by itself.
 */
export class SshResolver {
  private readonly configs = new Map<string, Promise<SshConfig | undefined>>();
  private readonly groups = new Map<string, Promise<SshAnswer | undefined>>();

  private readonly usual = new Map<string, Promise<SshAnswer | undefined>>();

  constructor(private readonly env: NodeJS.ProcessEnv) {}

  /** Throws `unreachable` with what ssh said, or the signal's reason. */
  async resolve(host: Host, signal: AbortSignal): Promise<ResolvedSsh> {
    const config = await this.share(this.configs, host.ssh.config ?? '', () => this.askFirst(host, signal));
    const group = await config?.groupOf(host.name, host.ssh.address);
    const shared =
      group === undefined ? undefined : await this.share(this.groups, nameGroup(host, group), () => askSsh(host, this.env, signal));
    const answer = shared ?? (await askSsh(host, this.env, signal));
    if (answer === undefined) return resolveDefaults(host, this.env);
    const usual = config?.namesAlgorithms === false ? answer : await this.share(this.usual, '', () => askUsual(this.env, signal));
    signal.throwIfAborted();
    const resolved = readAnswer(host, answer, {env: this.env, usual: usual ?? nothing});
    return shared === undefined || group === undefined ? resolved : {...resolved, hostname: group.hostname};
  }

  /** Undefined where ssh failed for the host that asked: the next one asks again. */
  private async share<T>(
    kept: Map<string, Promise<T | undefined>>,
    key: string,
    ask: () => Promise<T | undefined>,
  ): Promise<T | undefined> {
    const asked = kept.get(key);
    if (asked !== undefined) return asked;
    const asking = ask().catch(() => {
      kept.delete(key);
      return undefined;
    });
    kept.set(key, asking);
    return asking;
  }

  /** What the first host of a configuration was told counts for all that are like it. */
  private async askFirst(host: Host, signal: AbortSignal): Promise<SshConfig | undefined> {
    const answer = await askSsh(host, this.env, signal);
    if (answer?.files === undefined) return undefined;
    const config = new SshConfig(await Promise.all(answer.files.map((file) => readFile(file, 'utf8'))));
    const group = await config.groupOf(host.name, host.ssh.address);
    if (group !== undefined) this.groups.set(nameGroup(host, group), Promise.resolve(answer));
    return config;
  }
}

/** Whatever ssh offers was asked for by somebody, where nothing is known of its defaults. */
const nothing: SshAnswer = {values: new Map(), files: undefined};

/** ssh is asked the same for hosts whose groups have one name, and its files say the same of them. */
function nameGroup(host: Host, group: ConfigGroup): string {
  const {address: _, ...ssh} = host.ssh;
  return JSON.stringify([sshArguments({...host, ssh}), group.text]);
}
