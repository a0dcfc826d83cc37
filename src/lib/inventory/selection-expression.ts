import {DroverError} from '../errors/drover-error.js';
import {parseHostName} from './host-name.js';
import {expandHostSet} from './host-set.js';

/** One name of an expression. Names of roles, silos and hosts may hold the wildcards `*` and `?`. */
export type SelectionTerm =
  | {readonly kind: 'all'; readonly text: string}
  | {readonly kind: 'role' | 'silo'; readonly name: string; readonly text: string}
  | {readonly kind: 'hosts'; readonly names: readonly string[]; readonly text: string};

export type SelectionOperator = 'union' | 'intersection' | 'exclusion';

/** Applied from left to right; the first operator is always `union`. */
export type SelectionExpression = readonly {readonly operator: SelectionOperator; readonly term: SelectionTerm}[];

const operators: Readonly<Record<string, SelectionOperator>> = {',': 'union', '&': 'intersection', '!': 'exclusion'};

function refuse(message: string, fix: string): never {
  throw new DroverError({code: 'selection', message, fix});
}

function parseTerm(text: string, name: string): SelectionTerm {
  const group = /^@?(role|silo):(.*)$/s.exec(text);
  if (group) {
    const [, kind, value = ''] = group;
    if (!/^[A-Za-z0-9*?][A-Za-z0-9_*?-]*$/.test(value))
      refuse(`${name} ${JSON.stringify(text)} does not name a ${kind}`, `write, for example, ${kind}:${kind === 'role' ? 'web' : 'eu'}`);
    return {kind: kind as 'role' | 'silo', name: value, text};
  }
  if (text === 'all' || text === '@all') return {kind: 'all', text};
  const names = expandHostSet(text);
  const bad = names.find((host) => parseHostName(host.replaceAll(/[*?]/g, 'x')) === undefined);
  if (bad !== undefined)
    refuse(
      `${name} ${JSON.stringify(bad)} is not a host`,
      'write a host set like web[1-3], role:NAME, silo:NAME or all, joined by "," "&" or "!"',
    );
  return {kind: 'hosts', names, text};
}

/**
 * Reads `role:web&silo:eu!web03`. Terms: `all`, `role:NAME`, `silo:NAME` (an `@` before them is allowed), host sets (`web[01-12].eu`)
 * and wildcards (`web*`). Operators, applied from left to right: `,` adds, `&` keeps what both have, `!` takes away (so does `,!`).
 * Throws `selection`; `name` (`--hosts`) begins the message.
 */
export function parseSelection(text: string, name = 'selection'): SelectionExpression {
  if (text.trim() === '') refuse(`${name} is empty`, 'name hosts, or write all');
  const steps: {operator: SelectionOperator; term: SelectionTerm}[] = [];
  const pieces = text.split(/(,\s*[!&]|[,&!])(?![^[\]]*\])/);
  for (let index = 0; index < pieces.length; index += 2) {
    const piece = pieces[index]?.trim() ?? '';
    const symbol = index === 0 ? ',' : (pieces[index - 1]?.at(-1) ?? ',');
    const isFirst = index === 0;
    if (piece === '' && isFirst && pieces[1] === '!')
      refuse(`${name} ${JSON.stringify(text)} takes hosts away from nothing`, `write ${JSON.stringify(`all${text.trim()}`)}`);
    if (piece === '')
      refuse(
        `${name} ${JSON.stringify(text)} lacks a name ${isFirst ? 'before' : 'after'} "${isFirst ? pieces[1] : symbol}"`,
        'name hosts, or remove it',
      );
    steps.push({operator: operators[symbol] ?? 'union', term: parseTerm(piece, name)});
  }
  return steps;
}
