import {writeFile} from 'node:fs/promises';
import {listRuns, readRun, resolveRun} from '../events/journal.js';
import {loadProject} from '../inventory/project-file.js';
import {renderHtml} from '../report/html-timeline.js';
import {summarize} from '../report/json-summary.js';
import {shortenId} from '../report/quantity.js';
import {foldEvents} from '../report/run-model.js';
import {renderSummary} from '../report/summary.js';
import {renderTable} from '../report/table.js';
import type {Answer} from './answer.js';
import {fetchRuns} from './shared-history.js';
import {stateDirectory} from './state-directory.js';
import {inspectTerminal} from './terminal.js';

/** `drover history`: the runs recorded on this machine, or, with a project file, those that its team shares; newest first. */
export async function listHistory(limit: number, env: NodeJS.ProcessEnv, sharedBy?: string): Promise<Answer> {
  const own = stateDirectory(env);
  const project = sharedBy === undefined ? undefined : await loadProject(sharedBy, {signal: AbortSignal.timeout(60_000)});
  const folder = project === undefined ? own : await fetchRuns(project, own, limit, env);
  const runs = (await listRuns(folder)).slice(0, limit);
  const terminal = inspectTerminal(env);
  const text = renderTable({
    columns: [
      {title: 'RUN', shrinks: false},
      {title: 'COMMAND', shrinks: false},
      {title: 'APP'},
      {title: 'SNAPSHOT', shrinks: false},
      {title: 'HOSTS', align: 'right', shrinks: false},
      {title: 'OUTCOME', shrinks: false},
      {title: 'BY'},
      {title: 'REASON'},
    ],
    rows: runs.map(({run, started, planned, ended}) => [
      run,
      started?.command ?? '-',
      started?.app ?? '-',
      shortenId(started?.snapshot ?? planned?.snapshot ?? '-'),
      String(started?.hosts ?? '-'),
      ended?.outcome ?? 'unfinished',
      started?.operator ?? '-',
      started?.reason ?? '',
    ]),
    colour: terminal.outColour,
    ...(terminal.outColumns === undefined ? {} : {width: terminal.outColumns}),
  });
  const json = runs.map(({run, started, planned, ended}) => ({
    run,
    command: started?.command ?? null,
    app: started?.app ?? null,
    snapshot: started?.snapshot ?? planned?.snapshot ?? null,
    startedAt: started?.at ?? null,
    operator: started?.operator ?? null,
    outcome: ended?.outcome ?? 'unfinished',
    exit: ended?.exit ?? null,
  }));
  return {text, json: {schemaVersion: 1, runs: json}, exit: 0};
}

/** `drover report RUN`: one run again, as text, as JSON, or as an HTML page. */
export async function reportRun(words: string, html: string | undefined, env: NodeJS.ProcessEnv): Promise<Answer> {
  const stateDir = stateDirectory(env);
  const {events} = await readRun(stateDir, await resolveRun(stateDir, words));
  const json = summarize(events);
  if (html !== undefined) {
    await writeFile(html, renderHtml(events), {mode: 0o600});
    return {text: `wrote ${html}\n`, json: {...json, html}, exit: 0};
  }
  const terminal = inspectTerminal(env);
  const look = {colour: terminal.outColour, ...(terminal.outColumns === undefined ? {} : {columns: terminal.outColumns})};
  return {text: renderSummary({model: foldEvents(events), ...look}), json, exit: 0};
}
