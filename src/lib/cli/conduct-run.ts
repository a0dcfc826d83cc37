import {writeFile} from 'node:fs/promises';
import {hostname, userInfo} from 'node:os';
import path from 'node:path';
import {DroverError} from '../errors/drover-error.js';
import {printable} from '../errors/printable.js';
import {createEmitter} from '../events/emitter.js';
import type {RunKind, Sink} from '../events/event.js';
import {type OpenedSinks, openSinks} from '../events/open-sinks.js';
import {createRunId} from '../events/run-id.js';
import type {LinkOpener} from '../host/link.js';
import {createLinkOpener, createPrintingOpener} from '../host/open-link.js';
import type {Project} from '../inventory/app.js';
import type {Inventory} from '../inventory/host.js';
import {digestPlan} from '../operations/plan-text.js';
import {endRun, exitOf, type RunEnd} from '../operations/run-end.js';
import type {World} from '../operations/world.js';
import {openReporter} from '../report/choose-reporter.js';
import {summarizeModel} from '../report/json-summary.js';
import {describePending} from '../report/pending-text.js';
import {createModelSink, type RunModel} from '../report/run-model.js';
import {renderSummary} from '../report/summary.js';
import type {Answer} from './answer.js';
import {listenForEnter} from './enter-key.js';
import {HeldSink} from './held-sink.js';
import {type Interrupt, listenForInterrupt} from './interrupt.js';
import {refuseShrunken, rememberSize} from './inventory-size.js';
import {PlanOnly} from './plan-only.js';
import {shareRun} from './shared-history.js';
import {runtimeDirectory, stateDirectory} from './state-directory.js';
import {inspectTerminal, type Terminal} from './terminal.js';

export interface RunFlags {
  readonly concurrency: number;
  readonly events?: string | undefined;
  readonly quiet: boolean;
  readonly reason: string;
  readonly json?: boolean | undefined;
  readonly 'inventory-changed'?: boolean | undefined;
  readonly 'dry-run'?: boolean | undefined;
  readonly 'plan-only'?: boolean | undefined;
  readonly 'plan-out'?: string | undefined;
}

/** What a run's work gets besides the world. */
export interface Conducted {
  readonly world: World;
  readonly terminal: Terminal;
  readonly reporter: HeldSink;
  readonly env: NodeJS.ProcessEnv;
}

export interface RunRequest {
  readonly command: RunKind;
  readonly project: Project;
  readonly inventory: Inventory;
  readonly flags: RunFlags;
  readonly env: NodeJS.ProcessEnv;
  /** It only asks, and leaves no record. */
  readonly readsOnly?: boolean;
  /** Nothing is drawn before the plan was approved. */
  readonly quietUntilApproved?: boolean;
  /** Standard output gets lines all the time: on a terminal nothing may be drawn over them. */
  readonly streamsLines?: boolean;
  /** Enter on the terminal asks who is pending; nothing else of the run reads standard input. */
  readonly answersEnter?: boolean;
  readonly work: (conducted: Conducted) => Promise<RunEnd>;
  /** Text in place of the summary of the run. */
  readonly render?: (model: RunModel) => string;
  /** Object in place of the summary of the run. */
  readonly json?: (model: RunModel) => object;
}

/**
 * One run from its first event to its last: the journal, the sinks, what people see, Ctrl-C, the record in HTML and JSON, the answer. A
 * refusal before the first change ends the run `refused` and is thrown on, so that it is told like every other error.
 */
export async function conductRun(request: RunRequest): Promise<Answer> {
  const {project, inventory, flags, env, work, render, json} = request;
  if (flags.events === '-' && flags.json === true) {
    throw new DroverError({
      code: 'usage',
      message: 'use --json or --events -, not both: each wants standard output',
      fix: 'write the events to a file',
    });
  }
  const terminal = inspectTerminal(env);
  const stateDir = stateDirectory(env);
  const dry = flags['dry-run'] === true;
  const recorded =
    request.command !== 'health' &&
    request.command !== 'status' &&
    request.readsOnly !== true &&
    !dry &&
    flags['plan-only'] !== true &&
    flags['plan-out'] === undefined;
  if (recorded && flags['inventory-changed'] !== true) await refuseShrunken(inventory, stateDir);
  const run = createRunId({now: Date.now, random: Math.random});
  const model = createModelSink();
  if (recorded) await rememberSize(inventory, stateDir);
  const pending = (): readonly string[] => describePending(model.model, Date.now());
  const amongLines = request.streamsLines === true && terminal.outColumns !== undefined;
  const mode = flags.quiet || flags.events === '-' ? 'silent' : amongLines ? 'plain' : terminal.mode;
  const columns = (): number => process.stderr.columns || 80;
  const reporter = new HeldSink(await openReporter({mode, stream: process.stderr, colour: terminal.errColour, columns, now: Date.now}));
  const ndjson =
    flags.events === undefined
      ? {}
      : {
          ndjson:
            flags.events === '-' ? ({kind: 'stream', stream: process.stdout} as const) : ({kind: 'file', file: flags.events} as const),
        };
  const interrupt = listenForInterrupt((...lines) => reporter.say(lines), pending);
  const stopEnter = request.answersEnter === true && terminal.mayAsk ? listenForEnter(() => reporter.say(pending(), 'asked')) : undefined;
  const sinks = await openSinks({
    stateDir,
    run,
    receivers: project.events,
    renderers: [model.sink, amongLines ? leaveOutHosts(reporter) : reporter],
    recorded,
    random: Math.random,
    ...ndjson,
  });
  const real = createLinkOpener({
    env,
    runtimeDirectory: runtimeDirectory(env),
    onOpenssh: (host, why) => world.emit({kind: 'link-chosen', host: host.name, link: 'openssh', why}),
  });
  const links = dry ? createPrintingOpener(real, (line) => process.stdout.write(`${printable(line)}\n`)) : real;
  const world: World = {
    project,
    inventory,
    links,
    emit: createEmitter({run, now: Date.now, sinks: sinks.sinks, ...(sinks.journal === undefined ? {} : {journal: sinks.journal})}),
    run,
    operator: `${userInfo().username}@${hostname()}`,
    reason: flags.reason,
    concurrency: flags.concurrency,
    now: Date.now,
    random: Math.random,
    interrupted: interrupt.interrupted,
    signal: interrupt.abandoned,
  };
  if (request.quietUntilApproved === true) reporter.hold();
  const ended = await finish(world, interrupt, sinks, links, {
    hasBegun: () => model.model.command !== undefined,
    work: () => work({world, terminal, reporter, env}),
  }).finally(() => stopEnter?.());
  if (ended instanceof PlanOnly)
    return {text: ended.text, json: {schemaVersion: 1, planDigest: digestPlan(ended.plan), plan: ended.plan, ...ended.facts}, exit: 0};
  const end = ended;
  const report = sinks.journal === undefined ? undefined : await writeReport(path.dirname(sinks.journal.file), model.model);
  const exit = end.outcome === 'interrupted' ? interrupt.status() : end.exit;
  const text =
    render === undefined
      ? renderSummary({
          model: model.model,
          colour: terminal.outColour,
          ...(terminal.outColumns === undefined ? {} : {columns: terminal.outColumns}),
        })
      : render(model.model);
  const record = render === undefined && report !== undefined ? `record: ${report}\n` : '';
  const summary = json === undefined ? {...summarizeModel(model.model), record: report ?? null} : json(model.model);
  return {text: flags.events === '-' ? '' : `${text}${record}`, json: summary, exit};
}

async function finish(
  world: World,
  interrupt: Interrupt,
  sinks: OpenedSinks,
  links: LinkOpener,
  {hasBegun, work}: {readonly hasBegun: () => boolean; readonly work: () => Promise<RunEnd>},
): Promise<RunEnd | PlanOnly> {
  const startedMs = world.now();
  try {
    return await work();
  } catch (error) {
    if (error instanceof PlanOnly) return error;
    if (interrupt.abandoned.aborted) return await endRun(world, startedMs, 'interrupted', {code: 'interrupted'});
    // What is refused before the run has begun is no run, and leaves no record.
    if (error instanceof DroverError && hasBegun()) {
      for (const problem of error.problems)
        await world.emit({kind: 'warning', message: problem.message, ...(problem.host === undefined ? {} : {host: problem.host})});
      await world.emit({kind: 'run-ended', outcome: 'refused', exit: exitOf('refused', error.code), ms: world.now() - startedMs});
    }
    throw error;
  } finally {
    await links.closeAll();
    for (const undelivered of await sinks.close()) process.stderr.write(`warning: ${undelivered}\n`);
    await shareRun(world.project, {run: world.run, journal: sinks.journal?.file});
    interrupt.dispose();
  }
}

/** Among the lines of hosts, which say how each of them ended. */
function leaveOutHosts(reporter: Sink): Sink {
  return {
    accept: (event) => (event.kind === 'step-ended' || event.kind === 'host-ended' ? undefined : reporter.accept(event)),
    close: () => reporter.close(),
  };
}

/** The page that shows the run; where it cannot be written, the record is the journal alone. */
async function writeReport(directory: string, model: RunModel): Promise<string> {
  const {renderHtmlModel} = await import('../report/html-timeline.js');
  const file = path.join(directory, 'report.html');
  try {
    await writeFile(file, renderHtmlModel(model), {mode: 0o600});
    return file;
  } catch {
    return path.join(directory, 'events.ndjson');
  }
}
