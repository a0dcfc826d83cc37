import type {DroverEvent} from '../events/event.js';
import {foldHostSet} from '../inventory/folded-hosts.js';
import {countSentBytes, measureRun} from './host-ending.js';
import {groupHosts} from './host-groups.js';
import {escapeMarkup} from './markup.js';
import {formatBytes, formatCount, formatDuration, shortenId} from './quantity.js';
import {foldEvents, type RunModel} from './run-model.js';
import {timelineStyle} from './timeline-style.js';
import {renderTimeline, stepKinds} from './timeline-svg.js';

function renderFact(name: string, value: string | undefined): string {
  return value === undefined ? '' : `<div><dt>${escapeMarkup(name)}</dt><dd>${escapeMarkup(value)}</dd></div>`;
}

function renderFacts(model: RunModel): string {
  const bytes = countSentBytes(model);
  const good = [...model.hosts.values()].filter(({outcome}) => outcome === 'done' || outcome === 'unchanged').length;
  const facts = [
    renderFact('app', model.app),
    renderFact('snapshot', model.snapshot === undefined ? undefined : shortenId(model.snapshot)),
    renderFact('operator', model.operator),
    renderFact('reason', model.reason),
    renderFact('started', `${new Date(model.startedMs).toISOString().slice(0, 19).replace('T', ' ')} UTC`),
    renderFact('took', formatDuration(measureRun(model))),
    renderFact('converged', `${good} of ${formatCount(Math.max(model.selected, model.hosts.size), 'host')}`),
    renderFact(
      'waves',
      model.waves.length === 0
        ? undefined
        : `${model.waves.filter(({outcome}) => outcome === 'passed').length} of ${model.waves.length} passed`,
    ),
    renderFact('moved', bytes === 0 ? undefined : formatBytes(bytes)),
    renderFact('exit', model.ended === undefined ? undefined : String(model.ended.exit)),
  ];
  return `<dl class="facts">${facts.join('')}</dl>`;
}

function renderLegend(model: RunModel): string {
  const used = new Set([...model.hosts.values()].flatMap(({steps}) => steps.map(({step}) => step)));
  const kinds = stepKinds.filter(({steps}) => steps.some((step) => used.has(step)));
  const items = kinds.map(({name, css}) => `<li><svg aria-hidden="true"><rect class="${css}" width="14" height="10"/></svg>${name}</li>`);
  return `<ul class="legend">${items.join('')}<li><svg aria-hidden="true"><rect class="k-read bad" x="1" y="1" width="12" height="8"/></svg>failed or not finished ✕</li></ul>`;
}

function renderHosts(model: RunModel): string {
  const rows = groupHosts(model).map(
    ({label, paint, hosts, detail}) =>
      `<tr><td class="word ${paint}">${label}</td><td class="num">${hosts.length}</td><td><code>${escapeMarkup(foldHostSet(hosts))}</code></td><td>${escapeMarkup(detail)}</td></tr>`,
  );
  return rows.length === 0
    ? ''
    : `<h2>Hosts</h2><table><thead><tr><th>ended</th><th>hosts</th><th>which</th><th>release, reason</th></tr></thead><tbody>${rows.join('')}</tbody></table>`;
}

function renderWarnings(model: RunModel): string {
  if (model.warnings.length === 0) return '';
  const rows = model.warnings.map(
    ({atMs, host, message}) =>
      `<tr><td class="num">${formatDuration(atMs - model.startedMs)}</td><td><code>${escapeMarkup(host ?? '')}</code></td><td>${escapeMarkup(message)}</td></tr>`,
  );
  return `<h2>Warnings</h2><table><thead><tr><th>at</th><th>host</th><th>what</th></tr></thead><tbody>${rows.join('')}</tbody></table>`;
}

function renderTurn(model: RunModel): string {
  if (model.rollback === undefined) return '';
  const {atMs, hosts, why} = model.rollback;
  return `<p class="next">Turned round after ${formatDuration(atMs - model.startedMs)}: ${escapeMarkup(why)}. Going back: <code>${escapeMarkup(foldHostSet(hosts))}</code></p>`;
}

/** The report of a run as one HTML page: no script, nothing loaded from elsewhere, light and dark, all text escaped. */
export function renderHtmlModel(model: RunModel): string {
  const work = escapeMarkup([model.command ?? 'run', model.app].filter((word) => word !== undefined).join(' '));
  const outcome = model.ended?.outcome ?? 'not finished';
  const badge = outcome === 'converged' ? 'good' : outcome === 'rolled-back' || outcome === 'refused' ? 'warn' : 'bad';
  const next = model.ended?.next === undefined ? '' : `<p class="next">Next: <code>${escapeMarkup(model.ended.next)}</code></p>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${work} ${escapeMarkup(model.run)}</title>
<style>${timelineStyle}</style>
</head>
<body>
<h1>${work}<span class="badge ${badge}">${escapeMarkup(outcome)}</span></h1>
<p class="sub">run ${escapeMarkup(model.run)}</p>
${renderFacts(model)}
${renderTurn(model)}${next}
<h2>Timeline</h2>
${renderLegend(model)}
${renderTimeline(model)}
${renderHosts(model)}
${renderWarnings(model)}
</body>
</html>
`;
}

/** As `renderHtmlModel`, from the events of a journal. */
export function renderHtml(events: Iterable<DroverEvent>): string {
  return renderHtmlModel(foldEvents(events));
}
