import {mkdirSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {describeMachine, type Machine, printMachine} from './machine.js';
import {type Column, renderRows} from './table.js';

export const projectRoot = fileURLToPath(new URL('..', import.meta.url));

/** What every benchmark is asked with. */
export interface BenchFlags {
  /** Under three minutes, with fewer rounds and smaller trees. */
  readonly quick: boolean;
  /** The last line of stdout is one JSON object. */
  readonly json: boolean;
  /** Writes docs/evidence/bench-<name>.md. */
  readonly record: boolean;
}

export function readBenchFlags(name: string, args: readonly string[]): BenchFlags {
  const unknown = args.find((arg) => !['--quick', '--json', '--record'].includes(arg));
  if (unknown !== undefined) throw new Error(`unknown argument ${unknown}; usage: npm run bench:${name} -- [--quick] [--json] [--record]`);
  return {quick: args.includes('--quick'), json: args.includes('--json'), record: args.includes('--record')};
}

export interface Section {
  readonly title: string;
  readonly columns: readonly Column[];
  readonly rows: readonly object[];
  /** A sentence below the table. */
  readonly note?: string;
}

/** A figure that the project is held to. */
export interface Ratio {
  readonly name: string;
  /** Undefined where a peer is not installed. */
  readonly value: number | undefined;
  readonly aim: {readonly atMost: number} | {readonly atLeast: number};
}

export interface BenchReport {
  readonly name: string;
  readonly flags: BenchFlags;
  readonly machine: Machine;
  readonly peers: readonly string[];
  readonly sections: readonly Section[];
  readonly ratios: readonly Ratio[];
}

/** A scratch folder on the project's own disk, and the machine as it is before anything was measured. */
export function startBench(name: string): {readonly folder: string; readonly machine: Machine} {
  const folder = path.join(projectRoot, '.rig', 'bench', name);
  mkdirSync(folder, {recursive: true});
  return {folder, machine: describeMachine(folder)};
}

/** Prints the tables, then the ratios; writes the evidence where that was asked for; ends with the JSON object. */
export function finishBench(report: BenchReport): void {
  const {name, flags, machine, sections, ratios} = report;
  const body = renderBody(report);
  process.stdout.write(body);
  if (flags.record) {
    const words = [`npm run bench:${name} -- --record`, ...(flags.quick ? ['--quick'] : [])].join(' ');
    const date = new Date().toISOString().slice(0, 10);
    const file = path.join(projectRoot, 'docs', 'evidence', `bench-${name}.md`);
    mkdirSync(path.dirname(file), {recursive: true});
    writeFileSync(file, `# bench:${name}\n\nTaken on ${date} with \`${words}\`.\n\n${body}`);
  }
  if (!flags.json) return;
  const rows = sections.flatMap(({title, rows: all}) => all.map((row) => ({section: title, ...row})));
  const values = Object.fromEntries(ratios.map(({name: ratio, value}) => [ratio, value ?? null]));
  process.stdout.write(`${JSON.stringify({bench: name, machine, rows, ratios: values})}\n`);
}

function renderBody({machine, peers, sections, ratios}: BenchReport): string {
  const lines = [`Machine: ${printMachine(machine)}. Peers: ${peers.join(', ')}.`, ''];
  for (const {title, columns, rows, note} of sections) {
    lines.push(`## ${title}`, '', renderRows(columns, rows), '', ...(note === undefined ? [] : [note, '']));
  }
  const columns: readonly Column[] = [
    {key: 'name', title: 'ratio'},
    {key: 'value', title: 'figure', digits: 2},
    {key: 'aim', title: 'aim'},
    {key: 'met', title: 'met'},
  ];
  return `${[...lines, '## Ratios', '', renderRows(columns, ratios.map(judgeRatio)), '', sayWhatIsMet(ratios)].join('\n')}\n`;
}

/** Which aims are met, in one line. */
function sayWhatIsMet(ratios: readonly Ratio[]): string {
  const named = (met: boolean | undefined): string[] => ratios.filter((ratio) => isMet(ratio) === met).map(({name}) => name);
  const groups = [
    ['Met', named(true)],
    ['Not met', named(false)],
    ['Not measured', named(undefined)],
  ] as const;
  return groups.flatMap(([word, names]) => (names.length === 0 ? [] : [`${word}: ${names.join(', ')}.`])).join(' ');
}

function isMet({value, aim}: Ratio): boolean | undefined {
  if (value === undefined) return undefined;
  return 'atMost' in aim ? value <= aim.atMost : value >= aim.atLeast;
}

function judgeRatio(ratio: Ratio): object {
  const {name, value, aim} = ratio;
  const words = 'atMost' in aim ? `at most ${aim.atMost}` : `at least ${aim.atLeast}`;
  const met = isMet(ratio);
  return {name, value: value ?? '-', aim: words, met: met === undefined ? 'not measured' : met ? 'yes' : 'no'};
}
