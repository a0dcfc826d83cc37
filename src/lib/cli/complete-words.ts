/** What the user may write next, and what it is. */
export interface Candidate {
  readonly word: string;
  readonly about?: string;
}

/** What only the files of the project, the store or the journal know. */
export type NameKind = 'app' | 'host' | 'silo' | 'role' | 'run' | 'snapshot';

/** What was written before the word in hand, as far as names depend on it. */
export interface NameRequest {
  readonly kind: NameKind;
  readonly config?: string | undefined;
  readonly inventory?: string | undefined;
  /** The first argument, when it is not the one in hand. */
  readonly app?: string | undefined;
}

interface FlagShape {
  readonly name: string;
  readonly char?: string;
  readonly type: 'boolean' | 'option';
  readonly summary?: string;
  readonly description?: string;
  readonly options?: readonly string[];
  readonly multiple?: boolean;
  readonly hidden?: boolean;
}

interface ArgShape {
  readonly name: string;
  readonly options?: readonly string[];
}

interface CommandShape {
  readonly summary?: string;
  readonly hidden?: boolean;
  readonly args?: Readonly<Record<string, ArgShape>>;
  readonly flags?: Readonly<Record<string, FlagShape>>;
}

/** As oclif.manifest.json has them: ids are words joined by colons. */
export type CommandShapes = Readonly<Record<string, CommandShape>>;

const flagKinds: Readonly<Record<string, NameKind>> = {
  hosts: 'host',
  exclude: 'host',
  'without-hosts': 'host',
  'hosts-from': 'run',
  takeover: 'run',
  silo: 'silo',
  role: 'role',
  to: 'snapshot',
};

const argKinds: Readonly<Record<string, NameKind>> = {
  app: 'app',
  host: 'host',
  run: 'run',
  snapshot: 'snapshot',
  before: 'snapshot',
  after: 'snapshot',
};

/**
 * What may stand in place of the last of `words`, which are those after `drover`; it may be empty. Nothing where a file, a free text or a
 * command of the host comes.
 */
export async function completeWords(
  words: readonly string[],
  commands: CommandShapes,
  ask: (request: NameRequest) => Promise<readonly Candidate[]>,
): Promise<readonly Candidate[]> {
  const line = joinEquals(words);
  const current = line.at(-1) ?? '';
  const before = line.slice(0, -1);
  if (before.includes('--')) return [];
  const known = findCommand(before, commands);
  const flags = Object.values(known?.shape.flags ?? {}).filter(({hidden}) => hidden !== true);
  const {waiting, values, args} = readLine(before.slice(known?.words ?? 0), flags);
  const named = (kind: NameKind): Promise<readonly Candidate[]> =>
    ask({kind, config: values.get('config'), inventory: values.get('inventory'), app: args[0]});
  const offerValue = async (flag: FlagShape, start: string): Promise<readonly Candidate[]> => {
    const kind = flagKinds[flag.name];
    if (flag.options !== undefined || kind === undefined)
      return startingWith(
        start,
        (flag.options ?? []).map((word) => ({word})),
      );
    return kind === 'host' ? completeSet(start, await named(kind)) : startingWith(start, await named(kind));
  };
  if (waiting !== undefined) return offerValue(waiting, current);
  const [, name, start] = /^--([\w-]+)=(.*)$/s.exec(current) ?? [];
  if (name !== undefined && start !== undefined) {
    const flag = flags.find((each) => each.name === name && each.type === 'option');
    return flag === undefined ? [] : (await offerValue(flag, start)).map(({word, ...rest}) => ({word: `--${name}=${word}`, ...rest}));
  }
  if (current.startsWith('-')) return startingWith(current, offerFlags(flags, values));
  const below = known === undefined || args.length === 0 ? listBelow(before.slice(0, known?.words), commands) : [];
  return [...startingWith(current, below), ...startingWith(current, await offerArgument(known, args, commands, named))];
}

/** Bash makes three words of `--silo=eu`. */
function joinEquals(words: readonly string[]): readonly string[] {
  const joined: string[] = [];
  for (const [index, word] of words.entries()) {
    if (word === '=' && index > 0 && joined.at(-1)?.startsWith('--')) {
      if (index === words.length - 1) joined.push('');
    } else joined.push(word);
  }
  return joined;
}

interface KnownCommand {
  readonly shape: CommandShape;
  /** How many words name it. */
  readonly words: number;
}

function findCommand(before: readonly string[], commands: CommandShapes): KnownCommand | undefined {
  for (let words = before.length; words > 0; words -= 1) {
    const id = before.slice(0, words).join(':');
    const shape = Object.hasOwn(commands, id) ? commands[id] : undefined;
    if (shape !== undefined) return {shape, words};
  }
  return undefined;
}

function readLine(
  words: readonly string[],
  flags: readonly FlagShape[],
): {
  /** The flag whose value is the word in hand. */
  readonly waiting: FlagShape | undefined;
  readonly values: ReadonlyMap<string, string>;
  readonly args: readonly string[];
} {
  const values = new Map<string, string>();
  const args: string[] = [];
  let waiting: FlagShape | undefined;
  for (const word of words) {
    if (waiting !== undefined) {
      values.set(waiting.name, word);
      waiting = undefined;
      continue;
    }
    const [, name, value] = /^--([\w-]+)(?:=(.*))?$/s.exec(word) ?? [];
    const flag = flags.find((each) => each.name === name || (each.char !== undefined && word === `-${each.char}`));
    if (flag === undefined) {
      if (!word.startsWith('-')) args.push(word);
    } else if (flag.type === 'option' && value === undefined) {
      waiting = flag;
    } else values.set(flag.name, value ?? '');
  }
  return {waiting, values, args};
}

function startingWith(start: string, candidates: readonly Candidate[]): readonly Candidate[] {
  return candidates.filter(({word}) => word.startsWith(start));
}

/** The last name of a host set; what stands before it stays. */
function completeSet(text: string, hosts: readonly Candidate[]): readonly Candidate[] {
  const [start = ''] = /^.*[,!&^| ]/s.exec(text) ?? [];
  return startingWith(text.slice(start.length), hosts).map(({word, ...rest}) => ({word: `${start}${word}`, ...rest}));
}

function offerFlags(flags: readonly FlagShape[], given: ReadonlyMap<string, string>): readonly Candidate[] {
  return flags
    .filter(({name, multiple}) => multiple === true || !given.has(name))
    .map(({name, summary, description}) => ({word: `--${name}`, ...describe(summary ?? description)}));
}

/** The next words of commands that begin with these. */
function listBelow(path: readonly string[], commands: CommandShapes): readonly Candidate[] {
  const found = new Map<string, Candidate>();
  for (const [id, {summary, hidden}] of Object.entries(commands)) {
    const words = id.split(':');
    const word = words[path.length];
    if (hidden === true || word === undefined || path.some((each, index) => words[index] !== each)) continue;
    const isWhole = words.length === path.length + 1;
    if (isWhole || !found.has(word)) found.set(word, {word, ...(isWhole ? describe(summary) : {})});
  }
  return [...found.values()];
}

async function offerArgument(
  known: KnownCommand | undefined,
  args: readonly string[],
  commands: CommandShapes,
  named: (kind: NameKind) => Promise<readonly Candidate[]>,
): Promise<readonly Candidate[]> {
  const shapes = Object.values(known?.shape.args ?? {});
  // That of `help` has as many words as the command has.
  if (shapes[0]?.name === 'command') return listBelow(args, commands);
  const shape = shapes[args.length];
  if (shape === undefined) return [];
  if (shape.options !== undefined) return shape.options.map((word) => ({word}));
  const kind = argKinds[shape.name];
  if (kind === undefined) return [];
  const names = await named(kind);
  // A project with a single app needs no name: `drover push SNAPSHOT`.
  const next = kind === 'app' && names.length === 1 ? argKinds[shapes[args.length + 1]?.name ?? ''] : undefined;
  return next === undefined ? names : [...names, ...(await named(next))];
}

function describe(about: string | undefined): {about?: string} {
  const [line = ''] = (about ?? '').split('\n');
  return line === '' ? {} : {about: line};
}
