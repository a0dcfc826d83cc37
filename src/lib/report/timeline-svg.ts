import type {HostOutcome, Step} from '../events/event.js';
import {measureRun, measureWave} from './host-ending.js';
import {escapeMarkup} from './markup.js';
import {formatCount, formatDuration} from './quantity.js';
import type {RunModel, StepRecord} from './run-model.js';
import {layOutTimeline, type TimelineGroup, type TimelineLayout, type TimelineRow} from './timeline-rows.js';

const axisPx = 28;

/** What a colour means: the kinds of steps, in the order of a deploy. */
export const stepKinds: readonly {readonly name: string; readonly css: string; readonly steps: readonly Step[]}[] = [
  {name: 'connect, read, lease', css: 'k-read', steps: ['connect', 'read-state', 'lease', 'release']},
  {name: 'stage, verify', css: 'k-stage', steps: ['stage', 'verify', 'copy']},
  {name: 'drain', css: 'k-drain', steps: ['drain']},
  {name: 'switch, restart', css: 'k-switch', steps: ['switch', 'restart', 'command']},
  {name: 'health', css: 'k-health', steps: ['health']},
  {name: 'warm', css: 'k-warm', steps: ['warm']},
  {name: 'admit, confirm', css: 'k-admit', steps: ['admit', 'confirm', 'prune']},
  {name: 'revert', css: 'k-revert', steps: ['revert']},
];

const tones: Readonly<Record<HostOutcome, string>> = {
  done: 'fine',
  unchanged: 'fine',
  reverted: 'odd',
  skipped: 'odd',
  failed: 'lost',
  interrupted: 'lost',
};

const kindOfStep = new Map(stepKinds.flatMap(({css, steps}) => steps.map((step) => [step, css] as const)));

interface Scale {
  readonly startMs: number;
  readonly spanMs: number;
}

function place(atMs: number, {startMs, spanMs}: Scale): number {
  return Math.min(100, Math.max(0, ((atMs - startMs) / spanMs) * 100));
}

function percent(value: number): string {
  return `${Number(value.toFixed(3))}%`;
}

/** About six round times. */
function chooseTicks(spanMs: number): number[] {
  const steps = [100, 200, 500, 1e3, 2e3, 5e3, 10e3, 15e3, 30e3, 60e3, 120e3, 300e3, 600e3, 900e3, 1800e3, 3600e3];
  const step = steps.find((candidate) => spanMs / candidate <= 7) ?? Math.ceil(spanMs / 7 / 3600e3) * 3600e3;
  return Array.from({length: Math.floor(spanMs / step) + 1}, (_, index) => index * step);
}

function renderTick(atMs: number, {spanMs}: Scale, heightPx: number): string {
  const x = percent((atMs / spanMs) * 100);
  const anchor = atMs === 0 ? 'start' : atMs / spanMs > 0.96 ? 'end' : 'middle';
  return `<line class="grid" x1="${x}" x2="${x}" y1="${axisPx - 6}" y2="${heightPx}"/><text class="tick" x="${x}" y="14" text-anchor="${anchor}">${formatDuration(atMs).replace('.0s', 's').replace('m00s', 'm')}</text>`;
}

function renderStep(
  step: StepRecord,
  {row, rowPx, scale, lastMs}: {readonly row: TimelineRow; readonly rowPx: number; readonly scale: Scale; readonly lastMs: number},
): string {
  const from = place(step.startedMs, scale);
  const to = place(step.endedMs ?? lastMs, scale);
  const bad = step.outcome === 'failed' || step.outcome === 'interrupted' || step.outcome === undefined;
  const inset = rowPx > 8 ? 2 : 0.5;
  const y = row.topPx + inset;
  const height = rowPx - 2 * inset;
  const took = formatDuration(step.ms ?? Math.max(0, (step.endedMs ?? lastMs) - step.startedMs));
  const title = escapeMarkup(
    `${row.record.host} ${step.step} ${step.outcome ?? 'not finished'} ${took}${step.detail === undefined ? '' : `: ${step.detail}`}`,
  );
  const bar = `<rect class="${kindOfStep.get(step.step) ?? 'k-read'}${bad ? ' bad' : ''}" x="${percent(from)}" y="${y}" width="${percent(Math.max(0.15, to - from))}" height="${height}"><title>${title}</title></rect>`;
  if (!bad) return bar;
  const x = percent(to);
  const mark =
    rowPx > 8
      ? `<text class="cross" x="${x}" dx="3" y="${row.topPx + rowPx / 2}">✕</text>`
      : `<rect class="flag" x="${x}" y="${y}" width="6" height="${height}"/>`;
  return bar + mark;
}

function renderGroup(group: TimelineGroup, context: {readonly rowPx: number; readonly scale: Scale; readonly lastMs: number}): string {
  const {wave} = group;
  const from = wave?.startedMs;
  const band =
    wave === undefined || from === undefined
      ? ''
      : `<rect class="band${wave.outcome === 'failed' ? ' lost' : ''}" x="${percent(place(from, context.scale))}" y="${group.topPx + 20}" width="${percent(
          Math.max(0.3, place(wave.endedMs ?? context.lastMs, context.scale) - place(from, context.scale)),
        )}" height="${group.heightPx - 18}" rx="3"/>`;
  return band + group.rows.map((row) => row.record.steps.map((step) => renderStep(step, {row, ...context})).join('')).join('\n');
}

function titleGroup({wave, rows}: TimelineGroup, lastMs: number): string {
  if (wave === undefined) return `hosts without a wave, ${rows.length}`;
  const ms = measureWave(wave, lastMs);
  const time = ms === undefined ? 'not started' : formatDuration(ms);
  return `${wave.index}/${wave.of} ${wave.name} · ${formatCount(wave.hosts.length, 'host')} · ${wave.outcome === 'failed' ? 'failed after ' : ''}${time}`;
}

function renderLabels(layout: TimelineLayout, lastMs: number): string {
  return layout.groups
    .map((group) => {
      const head = `<text class="wave" x="0" y="${group.topPx + 15}">${escapeMarkup(titleGroup(group, lastMs))}</text>`;
      const names = group.rows
        .filter(({labelled}) => labelled)
        .map(({record, ending, topPx}) => {
          const y = topPx + layout.rowPx / 2;
          const how = ending.reached ? tones[ending.outcome] : 'mute';
          return `<circle class="dot ${how}" cx="5" cy="${y}" r="3.5"/><text class="host ${how}" x="14" y="${y}">${escapeMarkup(record.host)}<title>${escapeMarkup(`${record.host} ${ending.outcome}`)}</title></text>`;
        });
      return head + names.join('');
    })
    .join('\n');
}

/** The drawing: names on the left, time to the right. Rows are hosts below their wave, bars are steps. */
export function renderTimeline(model: RunModel): string {
  const layout = layOutTimeline(model, axisPx);
  const scale = {startMs: model.startedMs, spanMs: Math.max(1, measureRun(model), model.lastMs - model.startedMs)};
  const context = {rowPx: layout.rowPx, scale, lastMs: model.lastMs};
  const turn =
    model.rollback === undefined
      ? ''
      : `<line class="turn" x1="${percent(place(model.rollback.atMs, scale))}" x2="${percent(place(model.rollback.atMs, scale))}" y1="${axisPx - 6}" y2="${layout.heightPx}"><title>rolling back</title></line>`;
  const ticks = chooseTicks(scale.spanMs).map((atMs) => renderTick(atMs, scale, layout.heightPx));
  return `<div class="timeline">
<svg class="names" height="${layout.heightPx}" role="img" aria-label="hosts">${renderLabels(layout, model.lastMs)}</svg>
<svg class="bars" height="${layout.heightPx}" role="img" aria-label="steps of each host over time">${ticks.join('')}
${layout.groups.map((group) => renderGroup(group, context)).join('\n')}
${turn}</svg>
</div>`;
}
