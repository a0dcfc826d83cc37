import {foldHostSet} from '../inventory/folded-hosts.js';
import {measureText, padText, wrapText} from './display-width.js';
import {describeTask, describeTogether} from './event-text.js';
import {cleanText} from './foreign-text.js';
import {countRelayedBytes, countSentBytes, measureRun, measureWave} from './host-ending.js';
import {groupHosts} from './host-groups.js';
import {createPalette, type Paint, type Palette} from './palette.js';
import {formatBytes, formatCount, formatDuration, shortenId} from './quantity.js';
import type {RunModel, WaveRecord} from './run-model.js';

const wavesShown = 8;
const warningsShown = 10;
const relaysShown = 8;
const labelWidth = 12;
const widestSet = 32;
/** More than anybody counts at a glance. */
const manyHosts = 12;

/** One line of the summary below its head: a word and what belongs to it, parts in columns where there is room. */
interface Entry {
  readonly label: string;
  readonly paint: Paint;
  readonly parts: readonly string[];
}

function nameHosts(hosts: readonly string[]): string {
  const set = cleanText(foldHostSet(hosts));
  return hosts.length > manyHosts ? `${formatCount(hosts.length, 'host')}: ${set}` : set;
}

function describeHosts(model: RunModel): Entry[] {
  const groups = groupHosts(model).map(({label, paint, hosts, detail}) => ({
    label,
    paint,
    set: nameHosts(hosts),
    detail: cleanText(detail),
  }));
  const width = Math.min(widestSet, Math.max(0, ...groups.map(({set}) => measureText(set))));
  return groups.map(({label, paint, set, detail}) => ({label, paint, parts: detail === '' ? [set] : [padText(set, width), detail]}));
}

function describeWave(wave: WaveRecord, model: RunModel): Entry {
  const ms = measureWave(wave, model.lastMs);
  const outcome = wave.outcome ?? (ms === undefined ? 'not started' : 'not finished');
  const time = padText(ms === undefined ? '' : formatDuration(ms), 6, 'right');
  const facts = `${time}  ${padText(outcome, 6)}  ${cleanText(wave.name)}, ${formatCount(wave.hosts.length, 'host')}`;
  return {
    label: `wave ${wave.index}/${wave.of}`,
    paint: wave.outcome === 'failed' ? 'bad' : 'dim',
    parts: wave.why === undefined ? [facts] : [facts, cleanText(wave.why)],
  };
}

/** Every wave of a small run; of a large one those that failed and the slowest. */
function describeWaves(model: RunModel): Entry[] {
  const {waves} = model;
  const weigh = (wave: WaveRecord): number => (wave.outcome === 'failed' ? Number.MAX_VALUE : (measureWave(wave, model.lastMs) ?? -1));
  const chosen = new Set([...waves].sort((one, other) => weigh(other) - weigh(one)).slice(0, wavesShown));
  const entries = waves.filter((wave) => chosen.has(wave)).map((wave) => describeWave(wave, model));
  const rest = waves.length - chosen.size;
  return rest === 0 ? entries : [...entries, {label: '', paint: 'dim', parts: [`and ${rest} more`]}];
}

function describeRelays(model: RunModel): Entry[] {
  if (model.relays.length === 0) return [];
  const names = model.relays.map(({host, silo}) => `${host} in ${silo}`);
  const shown = names.length > relaysShown ? [...names.slice(0, relaysShown), `and ${names.length - relaysShown} more`] : names;
  return [
    {label: 'relay', paint: 'dim', parts: [cleanText(shown.join(', ')), `${formatBytes(countRelayedBytes(model))} from host to host`]},
  ];
}

function describeTasks(model: RunModel): Entry[] {
  const ended = model.tasks.map((event): Entry => {
    const {text, paint = 'dim'} = describeTask(event);
    return {label: 'task', paint, parts: [cleanText(text)]};
  });
  const held = model.heldTasks.map(
    ({task, why}): Entry => ({label: 'task', paint: 'warn', parts: [cleanText(`once.${task} waits: ${why}`)]}),
  );
  return [...ended, ...held];
}

function describeWarnings(model: RunModel): Entry[] {
  const entries = model.warnings.slice(0, warningsShown).map(
    ({message, host, unsafe}): Entry => ({
      label: 'warning',
      paint: unsafe === undefined ? 'warn' : 'bad',
      parts: [cleanText(`${host === undefined ? '' : `${host}: `}${message}`)],
    }),
  );
  const rest = model.warnings.length - entries.length;
  return rest === 0 ? entries : [...entries, {label: '', paint: 'warn', parts: [`and ${rest} more`]}];
}

function renderEntry({label, paint, parts}: Entry, palette: Palette, columns: number | undefined): string[] {
  const indent = ' '.repeat(labelWidth + 2);
  const room = Math.max(20, (columns ?? Number.POSITIVE_INFINITY) - indent.length);
  const whole = parts.join('  ');
  const lines =
    measureText(whole) <= room
      ? [whole]
      : parts.flatMap((part, index) =>
          wrapText(part.trimEnd(), room - (index === 0 ? 0 : 2)).map((line) => (index === 0 ? line : `  ${line}`)),
        );
  return lines.map((line, index) =>
    (index === 0 ? `  ${palette[paint](padText(label, labelWidth))}${line}` : `${indent}${line}`).trimEnd(),
  );
}

function renderHead(model: RunModel, palette: Palette, columns: number | undefined): string[] {
  const what = [model.command, model.app, model.snapshot === undefined ? undefined : shortenId(model.snapshot)].filter(
    (word) => word !== undefined,
  );
  const hosts = formatCount(Math.max(model.selected, model.hosts.size), 'host');
  const size = model.waves.length === 0 ? hosts : `${hosts} in ${formatCount(model.waves.length, 'wave')}`;
  const bytes = countSentBytes(model);
  const outcome = model.ended?.outcome ?? 'not finished';
  const facts = [outcome, size, formatDuration(measureRun(model)), ...(bytes > 0 ? [`${formatBytes(bytes)} moved`] : [])].join(', ');
  const title = cleanText(what.join(' '));
  const paint: Paint = outcome === 'converged' ? 'good' : outcome === 'refused' || outcome === 'rolled-back' ? 'warn' : 'bad';
  const coloured = facts.replace(outcome, palette[paint](outcome));
  return measureText(title) + 2 + measureText(facts) <= (columns ?? Number.POSITIVE_INFINITY)
    ? [`${palette.strong(title)}  ${coloured}`]
    : [palette.strong(title), `  ${coloured}`];
}

/**
 * What a run came to, for people: one line of facts, folded host sets by ending, waves with their times, warnings, and
 * the command to type next. Nothing is cut: with `columns` long lines are broken below their column.
 */
export function renderSummary({
  model,
  colour,
  columns,
}: {
  readonly model: RunModel;
  readonly colour: boolean;
  readonly columns?: number;
}): string {
  const palette = createPalette(colour);
  const turn: Entry[] = model.rollback === undefined ? [] : [{label: 'turned back', paint: 'bad', parts: [cleanText(model.rollback.why)]}];
  const together = model.switches.map(
    (event): Entry => ({label: 'together', paint: event.spreadMs < 1000 ? 'good' : 'warn', parts: [describeTogether(event)]}),
  );
  const entries = [
    ...describeHosts(model),
    ...turn,
    ...together,
    ...describeTasks(model),
    ...describeWaves(model),
    ...describeRelays(model),
    ...describeWarnings(model),
  ];
  const next = model.ended?.next === undefined ? [] : [`next: ${cleanText(model.ended.next)}`];
  return [...renderHead(model, palette, columns), ...entries.flatMap((entry) => renderEntry(entry, palette, columns)), ...next]
    .map((line) => `${line}\n`)
    .join('');
}
