import {setFlagsFromString} from 'node:v8';
import {DroverError} from '../errors/drover-error.js';
import {quoteWord} from '../errors/shell-word.js';
import type {Host} from '../inventory/host.js';
import {type CommandResult, runCommand} from '../operations/run-command.js';
import {cleanLines} from '../report/foreign-text.js';
import {createJsonLines, createLabelledLines} from '../report/host-lines.js';
import {LineCutter} from '../report/line-cutter.js';
import type {Answer} from './answer.js';
import {fitCommand, readInput, readScript} from './command-input.js';
import {conductRun, type RunFlags} from './conduct-run.js';
import {chooseHosts, loadInventoryOnly, type ProjectFlags, type SelectionFlags} from './load-project.js';
import {OutputFolder} from './output-folder.js';
import {renderDiff, renderOutputs} from './run-text.js';
import {inspectTerminal} from './terminal.js';

type CommandFlags = ProjectFlags &
  SelectionFlags &
  RunFlags & {
    readonly timeout: number;
    readonly 'max-output': number;
    readonly labels: boolean;
    readonly stream: boolean;
    readonly diff: boolean;
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
  // What hundreds of logins leave behind is collected a little more often, instead of in up to 48 MB.
  setFlagsFromString('--semi-space-growth-factor=1');
  const inventory = await loadInventoryOnly(flags, env, AbortSignal.timeout(60_000));
  const hosts = chooseHosts(inventory, flags);
  const script = flags.script === undefined ? undefined : await readScript(flags.script);
  const input = flags.stdin ? await readInput() : undefined;
  const outputs = flags['out-dir'] === undefined ? undefined : await OutputFolder.open(flags['out-dir']);
  const command = script === undefined ? words.join(' ') : `${script.start} ${words.map(quoteWord).join(' ')}`.trimEnd();
  const fitted = fitCommand(command, script?.content);
  const {labels, stream, diff, json} = flags;
  const terminal = inspectTerminal(env);
  const results: CommandResult[] = [];
  const write = (text: string): void => void process.stdout.write(text);
  const lines = json === true ? createJsonLines({write}) : createLabelledLines({write, colour: terminal.outColour});
  const cutters = new Map<string, LineCutter>();
  const follow = ({name}: Host, piece: Buffer): void => {
    let cutter = cutters.get(name);
    cutter ??= new LineCutter((line) => lines.line(name, line));
    cutters.set(name, cutter);
    cutter.add(piece);
  };
  const onResult = (result: CommandResult): void => {
    outputs?.add(result);
    const {host, output, status, failure, code} = result;
    cutters.get(host)?.end();
    cutters.delete(host);
    if (!stream && (!labels || json === true)) return;
    if (!stream) for (const line of cleanLines(output)) lines.line(host, line);
    lines.ended(host, {
      ...(status === undefined ? {} : {status}),
      ...(failure === undefined ? {} : {failure}),
      ...(code === undefined ? {} : {code}),
    });
  };
  let lost: string | undefined;
  const answer = await conductRun({
    command: 'run',
    project: {file: flags.config, inventory: inventory.file, apps: new Map(), store: '', events: []},
    inventory,
    flags,
    env,
    streamsLines: stream || labels,
    answersEnter: !flags.stdin,
    work: async ({world}) => {
      const {results: all, end} = await runCommand(world, {
        ...{...fitted, hosts, maxBytes: flags['max-output'], sudo: flags.sudo, onResult, isLast: true},
        timeoutSeconds: Math.max(1, Math.ceil(flags.timeout / 1000)),
        ...(input === undefined ? {} : {input}),
        ...(stream ? {onPiece: follow} : {}),
        ...(flags.canary === undefined ? {} : {canary: flags.canary}),
        ...(flags.budget === undefined ? {} : {budget: flags.budget}),
      });
      results.push(...all);
      lost = await outputs?.written();
      return end;
    },
    render: () => (labels || stream ? '' : diff ? renderDiff(results, terminal) : renderOutputs(results, terminal)),
    json: () => ({schemaVersion: 1, command: flags.script ?? command, ...(stream ? countEndings(results) : {hosts: results})}),
  });
  if (lost === undefined) return answer;
  process.stderr.write(`error[invalid-file]: ${lost}; the commands ran, and this is what they printed\n`);
  return answer.exit === 0 ? {...answer, exit: 3} : answer;
}

/** The last of many lines: what each host said has been told. */
function countEndings(results: readonly CommandResult[]): {hosts: number; failed: number} {
  return {hosts: results.length, failed: results.filter(({failure}) => failure !== undefined).length};
}
