import {DroverError} from '../errors/drover-error.js';
import {printableLines} from '../errors/printable.js';
import {quoteWord} from '../errors/shell-word.js';
import {type CommandResult, runCommand} from '../operations/run-command.js';
import type {Answer} from './answer.js';
import {readInput, readScript} from './command-input.js';
import {conductRun, type RunFlags} from './conduct-run.js';
import {chooseHosts, loadInventoryOnly, type ProjectFlags, type SelectionFlags} from './load-project.js';
import {OutputFolder} from './output-folder.js';
import {renderOutputs} from './run-text.js';
import {inspectTerminal} from './terminal.js';

type CommandFlags = ProjectFlags &
  SelectionFlags &
  RunFlags & {
    readonly timeout: number;
    readonly 'max-output': number;
    readonly labels: boolean;
    readonly sudo: boolean;
    readonly script?: string | undefined;
    readonly stdin: boolean;
    readonly canary?: number | undefined;
    readonly budget?: number | undefined;
    readonly 'out-dir'?: string | undefined;
  };

/** `drover run -- CMD`. Needs an inventory, no project. */
export async function conductCommand(words: readonly string[], flags: CommandFlags, env: NodeJS.ProcessEnv): Promise<Answer> {
  if (words.length === 0 && flags.script === undefined)
    throw new DroverError({code: 'usage', message: 'no command to run', fix: 'put it after --, for example: drover run --all -- uptime'});
  const inventory = await loadInventoryOnly(flags, env, AbortSignal.timeout(60_000));
  const hosts = chooseHosts(inventory, flags);
  const script = flags.script === undefined ? undefined : await readScript(flags.script);
  const input = flags.stdin ? await readInput() : undefined;
  const outputs = flags['out-dir'] === undefined ? undefined : await OutputFolder.open(flags['out-dir']);
  const command = script === undefined ? words.join(' ') : `${script.start} ${words.map(quoteWord).join(' ')}`.trimEnd();
  const results: CommandResult[] = [];
  const label = (result: CommandResult): void => {
    outputs?.add(result);
    if (!flags.labels || flags.json === true) return;
    for (const line of printableLines(result.output)) process.stdout.write(`${result.host}: ${line}\n`);
    if (result.failure !== undefined) process.stdout.write(`${result.host}: [${printableLines(result.failure).join(' ')}]\n`);
  };
  let lost: string | undefined;
  const answer = await conductRun({
    command: 'run',
    project: {file: flags.config, inventory: inventory.file, apps: new Map(), store: '', events: []},
    inventory,
    flags,
    env,
    work: async ({world}) => {
      const {results: all, end} = await runCommand(world, {
        ...{command, hosts, maxBytes: flags['max-output'], sudo: flags.sudo, onResult: label},
        timeoutSeconds: Math.max(1, Math.ceil(flags.timeout / 1000)),
        ...(script === undefined ? {} : {script: script.content}),
        ...(input === undefined ? {} : {input}),
        ...(flags.canary === undefined ? {} : {canary: flags.canary}),
        ...(flags.budget === undefined ? {} : {budget: flags.budget}),
      });
      results.push(...all);
      lost = await outputs?.written();
      return end;
    },
    render: () => (flags.labels ? '' : renderOutputs(results, inspectTerminal(env))),
    json: () => ({schemaVersion: 1, command: flags.script ?? command, hosts: results}),
  });
  if (lost === undefined) return answer;
  process.stderr.write(`error[invalid-file]: ${lost}; the commands ran, and this is what they printed\n`);
  return answer.exit === 0 ? {...answer, exit: 3} : answer;
}
