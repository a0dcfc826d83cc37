import {type Config, type Interfaces, Parser} from '@oclif/core';
import {DroverError, type Problem} from '../errors/drover-error.js';
import {readTextFile, showPath} from '../inventory/text-file.js';
import {formatCount} from '../report/quantity.js';
import type {Answer} from './answer.js';
import {type CitedCommand, findCitedCommands} from './cited-commands.js';
import {explainUnknownCommand} from './command-not-found.js';
import {isPlaceholder} from './shell-commands.js';
import {describeUsage} from './usage-error.js';

/** Flags whose values are looked up in this machine's records: whoever reads the runbook has others. */
const recorded: ReadonlySet<string> = new Set(['hosts-from']);

/** `drover runbook check`: the commands that documents cite, parsed as this version would parse them. Nothing of them is run. */
export async function conductRunbookCheck(files: readonly string[], config: Config, signal: AbortSignal): Promise<Answer> {
  if (files.length === 0)
    throw new DroverError({code: 'usage', message: 'no file was named', fix: 'for example: drover runbook check RUNBOOK.md'});
  const first = new Set(config.commandIDs.map((id) => id.split(':')[0] ?? ''));
  const problems: Problem[] = [];
  const counts: {file: string; commands: number}[] = [];
  for (const file of files) {
    const cited = findCitedCommands(await readTextFile(file, {what: 'runbook', createWith: 'name a Markdown file', signal}), first);
    counts.push({file: showPath(file), commands: cited.length});
    for (const command of cited) {
      const found = await judge(command, config);
      if (found === undefined) continue;
      const {line, column, words} = command;
      const shown = ['drover', ...words.map((word) => (word === '$' ? '$(…)' : word))].join(' ');
      const message = `${shown.slice(0, 120)}: ${found.message}`;
      problems.push({...found, code: 'invalid-file', message, file: showPath(file), line, column});
    }
  }
  const [worst, ...others] = problems;
  if (worst !== undefined) throw new DroverError(worst, ...others);
  const text = counts.map(
    ({file, commands}) =>
      `${file}: ${commands === 0 ? 'no drover command in it' : `${formatCount(commands, 'command')}, right for this version`}\n`,
  );
  return {text: text.join(''), json: {schemaVersion: 1, files: counts}, exit: 0};
}

/** What this version would say to the command; undefined when it would take it. */
async function judge({words, isPartial}: CitedCommand, config: Config): Promise<Problem | undefined> {
  const [head = ''] = words;
  if (head === '' || ['--version', '--help', '-h'].includes(head) || isPlaceholder(head)) return undefined;
  const named = findCommand(words, config);
  if (named === undefined) {
    const topic = config.topics.find(({name}) => name === words.join(':'));
    return topic === undefined ? explainUnknownCommand(words.join(' '), config.commandIDs) : undefined;
  }
  const rest = words.slice(named.length);
  const argv = rest.slice(0, rest.includes('--') ? rest.indexOf('--') : undefined);
  if (argv.includes('--help') || argv.includes('-h')) return undefined;
  try {
    await parse(rest, await named.command.load(), isPartial);
    return undefined;
  } catch (error) {
    const known = error instanceof DroverError ? error.problems[0] : error instanceof Error ? describeUsage(error) : undefined;
    if (known === undefined) throw error;
    return known;
  }
}

function findCommand(words: readonly string[], config: Config) {
  for (let length = words.length; length > 0; length -= 1) {
    const command = config.findCommand(words.slice(0, length).join(':'));
    if (command !== undefined) return {command, length};
  }
  return undefined;
}

type Loaded = Awaited<ReturnType<NonNullable<ReturnType<typeof findCommand>>['command']['load']>>;
type AnyFlag = Loaded['flags'][string];

async function parse(argv: readonly string[], {flags, baseFlags, args, strict}: Loaded, isPartial: boolean): Promise<void> {
  const isOpen = argv.some(isPlaceholder);
  const all = {...baseFlags, ...flags};
  const last = argv.at(-1);
  const isCut =
    isPartial && Object.entries(all).some(([name, {char, type}]) => type === 'option' && (last === `--${name}` || last === `-${char}`));
  await Parser.parse([...argv, ...(isCut ? ['VALUE'] : [])], {
    strict,
    args: mapValues(args, (arg, name) => ({...relax(arg, {name, isOpen: isOpen || isCut, isPartial}), ignoreStdin: true})),
    flags: mapValues(all, (flag, name) => relax(flag, {name, isOpen: isOpen || isCut, isPartial})),
  });
}

/**
 * A flag or argument that takes nothing from the environment, takes any placeholder where there is one, and in a command that is only named need not be
 * there, nor have the company that it needs.
 */
function relax<Input extends Interfaces.Arg<unknown> | AnyFlag>(
  input: Input,
  {name, isOpen, isPartial}: {readonly name: string; readonly isOpen: boolean; readonly isPartial: boolean},
): Input {
  const alone = isPartial ? {required: false, dependsOn: [], relationships: []} : {};
  const whole = {...input, env: undefined, default: undefined, ...alone, ...(isOpen ? {options: undefined} : {})};
  if (!('parse' in input)) return whole;
  const {parse: read} = input as {parse: (text: string, ...rest: readonly unknown[]) => Promise<unknown>};
  return {
    ...whole,
    parse: async (text: string, ...rest: readonly unknown[]) => (recorded.has(name) || isPlaceholder(text) ? text : read(text, ...rest)),
  };
}

function mapValues<Value, Result>(
  record: Readonly<Record<string, Value>>,
  change: (value: Value, key: string) => Result,
): Record<string, Result> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value, key)]));
}
