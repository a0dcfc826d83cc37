/** Renders docs/commands.md from the oclif manifest. */

/** Fills the templates that oclif allows in texts of commands. */
function fill(text, {bin, id}) {
  return text.replaceAll(/<%[=-]\s*config\.bin\s*%>/g, bin).replaceAll(/<%[=-]\s*command\.id\s*%>/g, id);
}

const inCell = (text) =>
  text
    .replaceAll('|', '\\|')
    .replaceAll(/\s*\n\s*/g, ' ')
    .trim();
const byName = ([a], [b]) => (a < b ? -1 : 1);

function renderArgument([name, arg]) {
  const shown = (arg.name ?? name).toUpperCase();
  return arg.required ? shown : `[${shown}]`;
}

function renderUsage(command, {bin, id}) {
  if (command.usage) return [command.usage].flat().map((line) => `${bin} ${fill(line, {bin, id})}`);
  const required = Object.values(command.flags)
    .filter((flag) => flag.required)
    .map((flag) => `--${flag.name}${flag.type === 'option' ? ` ${placeholder(flag)}` : ''}`);
  const rest = command.strict === false ? ['...'] : [];
  return [[bin, id, ...Object.entries(command.args).map(renderArgument), ...required, '[FLAGS]', ...rest].join(' ')];
}

function placeholder(flag) {
  return [flag.helpValue ?? flag.options?.join('\\|') ?? flag.name.toUpperCase()].flat().join(' ');
}

function renderFlag([name, flag]) {
  const long = flag.type === 'boolean' && flag.allowNo ? `--[no-]${name}` : `--${name}`;
  const word = `${flag.char ? `-${flag.char}, ` : ''}${long}${flag.type === 'option' ? ` ${placeholder(flag).replaceAll('\\|', '|')}` : ''}`;
  const notes = [
    flag.required && 'required',
    flag.multiple && 'may be repeated',
    flag.default !== undefined && flag.default !== false && `default: \`${flag.default}\``,
    flag.env && `environment: \`${flag.env}\``,
    flag.exclusive?.length && `not with ${flag.exclusive.map((other) => `\`--${other}\``).join(', ')}`,
    flag.dependsOn?.length && `only with ${flag.dependsOn.map((other) => `\`--${other}\``).join(', ')}`,
  ].filter(Boolean);
  const text = [flag.summary ?? flag.description ?? '', notes.length > 0 ? `(${notes.join('; ')})` : ''].filter(Boolean).join(' ');
  return `| \`${inCell(word)}\` | ${inCell(text)} |`;
}

function renderFlags(flags) {
  return ['| flag | means |', '| --- | --- |', ...flags.map(renderFlag), ''];
}

function renderExamples(command, names) {
  if (!command.examples?.length) return [];
  const lines = command.examples.flatMap((example) => {
    const {description, command: line} = typeof example === 'string' ? {command: example} : example;
    return [...(description ? [`# ${fill(description, names)}`] : []), fill(line, names).replace(/^\$ /, ''), ''];
  });
  return ['```sh', ...lines.slice(0, -1), '```', ''];
}

function renderCommand(command, bin) {
  const names = {bin, id: command.id.replaceAll(':', ' ')};
  const {summary, description} = command;
  const args = Object.entries(command.args).filter(([, arg]) => arg.description && !arg.hidden);
  const flags = Object.entries(command.flags)
    .filter(([, flag]) => !flag.hidden && flag.helpGroup !== 'GLOBAL')
    .sort(byName);
  return [
    `## ${bin} ${names.id}`,
    '',
    ...[summary, description].filter(Boolean).flatMap((text) => [fill(text, names).trim(), '']),
    '```',
    ...renderUsage(command, names),
    '```',
    '',
    ...args.map(
      ([name, arg]) => `- \`${name.toUpperCase()}\`: ${fill(arg.description, names)}${arg.options ? ` (${arg.options.join(', ')})` : ''}`,
    ),
    ...(args.length > 0 ? [''] : []),
    ...(flags.length > 0 ? renderFlags(flags) : []),
    ...renderExamples(command, names),
  ];
}

/** The whole page. Flags of help group GLOBAL are said once, at the end. Hidden commands and flags are left out. */
export function renderCommandReference(manifest, bin) {
  const commands = Object.values(manifest.commands).filter((command) => !command.hidden);
  const shared = new Map(
    commands.flatMap((command) => Object.entries(command.flags).filter(([, flag]) => flag.helpGroup === 'GLOBAL' && !flag.hidden)),
  );
  return [
    '# Commands',
    '',
    'Generated from the commands by `npm run generate`; do not edit. Exit statuses are in [exit-codes.md](exit-codes.md).',
    '',
    ...commands.flatMap((command) => renderCommand(command, bin)),
    ...(shared.size > 0 ? ['## Flags of every command', '', ...renderFlags([...shared].sort(byName))] : []),
  ].join('\n');
}
