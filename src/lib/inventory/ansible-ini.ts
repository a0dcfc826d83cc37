import {DroverError} from '../errors/drover-error.js';
import {AnsibleFleetBuilder, type ReadAnsible} from './ansible-fleet.js';
import {expandAnsibleHosts} from './ansible-hosts.js';
import type {SourceNode} from './source-node.js';

const section = /^\[([^\]:]+)(?::(\w+))?\]\s*(?:[#;].*)?$/;

/** Text that Ansible reads as INI: a line of it is a section and nothing else. */
export function isIni(text: string): boolean {
  return text.split('\n').some((line) => /^\[[A-Za-z0-9]/.test(line) && section.test(line.trimEnd()));
}

/** One word of a line, its quotes taken away. */
interface Word {
  readonly text: string;
  readonly offset: number;
}

/** Words as a shell splits them, up to a comment; undefined where a quote is not closed. */
function splitWords(line: string, start: number): Word[] | undefined {
  const words: Word[] = [];
  const pattern = /\s*(?:(#.*)|((?:[^\s"'#\\]|(?<=\S)#|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+))/gy;
  let at = 0;
  while (line.slice(at).trim() !== '') {
    pattern.lastIndex = at;
    const found = pattern.exec(line);
    if (found === null) return undefined;
    at = pattern.lastIndex;
    const [whole, , word] = found;
    if (word === undefined) break;
    words.push({text: unquote(word), offset: start + found.index + whole.length - word.length});
  }
  return words;
}

function unquote(word: string): string {
  return word.replaceAll(
    /"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)/g,
    (_all, double: string | undefined, single: string | undefined, escaped: string | undefined) =>
      double === undefined ? (single ?? escaped ?? '') : double.replaceAll(/\\(["\\])/g, '$1'),
  );
}

function valueNode(text: string, offset: number): SourceNode {
  return {kind: 'scalar', offset, value: text, raw: JSON.stringify(text)};
}

/** `web1:2222`, but not the colons of an IPv6 address or of a range. */
function splitPort(text: string): [host: string, port: string | undefined] {
  const found = /^([^:[\]]*(?:\[[^\]]*\][^:[\]]*)*):(\d+)$/.exec(text);
  return found === null ? [text, undefined] : [found[1] ?? '', found[2]];
}

/** Reads the INI format of Ansible: hosts with variables, `[group]`, `[group:vars]`, `[group:children]`. What it cannot read are faults. */
export function readAnsibleIni(text: string): ReadAnsible {
  const fleet = new AnsibleFleetBuilder();
  const defined = new Set(['all', 'ungrouped']);
  const named = new Map<string, number>();
  let [group, kind] = ['ungrouped', 'hosts'];
  let start = 0;
  for (const raw of text.split('\n')) {
    const [line, offset] = [raw.trimEnd(), start];
    start += raw.length + 1;
    if (/^\s*([#;].*)?$/.test(line)) continue;
    const head = section.exec(line);
    if (head !== null) {
      [group, kind] = [head[1]?.trim() ?? '', head[2] ?? 'hosts'];
      if (!['hosts', 'vars', 'children'].includes(kind))
        fleet.faults.push({
          offset,
          message: `section of an unknown kind, ${JSON.stringify(kind)}`,
          fix: 'write [NAME], [NAME:vars] or [NAME:children]',
        });
      else if (kind === 'vars') named.set(group, offset);
      else defined.add(group);
      fleet.group(group, offset);
    } else if (kind === 'vars') readVariable(fleet, group, line, offset);
    else if (kind === 'hosts') readHostLine(fleet, group, line, offset);
    else if (kind === 'children') {
      const child = line.replace(/\s+#.*$/, '').trim();
      fleet.group(group, offset).children.set(child, offset);
      named.set(child, offset);
    }
  }
  for (const [name, offset] of named)
    if (!defined.has(name))
      fleet.faults.push({offset, message: `group ${JSON.stringify(name)} is not defined`, fix: `add [${name}], or correct the name`});
  return {fleet: fleet.fleet(), faults: fleet.faults};
}

/** `name = value`: the rest of the line, quotes around the whole of it taken away. */
function readVariable(fleet: AnsibleFleetBuilder, group: string, line: string, offset: number): void {
  const found = /^\s*([^=\s]+)\s*=\s*(.*)$/.exec(line);
  if (found === null) {
    fleet.faults.push({offset, message: `${JSON.stringify(line.trim())} is no variable`, fix: 'write NAME=VALUE'});
    return;
  }
  const [, name = '', rest = ''] = found;
  const value = /^(["'])(.*)\1\s*(?:#.*)?$/.exec(rest)?.[2] ?? rest.replace(/\s+#.*$/, '');
  fleet.group(group, offset).variables.set(name, valueNode(value, offset + line.length - rest.length));
}

/** `web[01:12].eu:2222 ansible_user=deploy role='web'`. */
function readHostLine(fleet: AnsibleFleetBuilder, group: string, line: string, offset: number): void {
  const words = splitWords(line, offset);
  const [first, ...variables] = words ?? [];
  if (first === undefined) {
    fleet.faults.push({offset, message: `${JSON.stringify(line.trim())} has a quote that is not closed`, fix: 'close it'});
    return;
  }
  const [pattern, port] = splitPort(first.text);
  for (const name of expandOrFault(fleet, pattern, first.offset)) {
    const host = fleet.host(name, first.offset, group);
    if (port !== undefined) host.variables.set('ansible_port', valueNode(port, first.offset));
    for (const {text, offset: place} of variables) {
      const at = text.indexOf('=');
      if (at > 0) host.variables.set(text.slice(0, at), valueNode(text.slice(at + 1), place));
      else fleet.faults.push({offset: place, message: `${JSON.stringify(text)} is no variable`, fix: 'write NAME=VALUE'});
    }
  }
}

/** The hosts of one pattern; a malformed one is a fault. */
export function expandOrFault(fleet: AnsibleFleetBuilder, pattern: string, offset: number): readonly string[] {
  try {
    return expandAnsibleHosts(pattern);
  } catch (error) {
    if (!(error instanceof DroverError)) throw error;
    fleet.faults.push({offset, message: error.message, ...(error.problems[0]?.fix === undefined ? {} : {fix: error.problems[0].fix})});
    return [];
  }
}
