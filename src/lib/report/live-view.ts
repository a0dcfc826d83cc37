import type {Writable} from 'node:stream';
import {figures} from 'listr2';
import type {DroverEvent} from '../events/event.js';
import {foldHostSet} from '../inventory/folded-hosts.js';
import {describeEvent, isTrouble, type Line} from './event-text.js';
import {cleanText} from './foreign-text.js';
import {createLiveScreen} from './live-screen.js';
import {createPalette} from './palette.js';
import {showPhase} from './phase-rows.js';
import {formatCount, formatDuration, shortenId} from './quantity.js';
import type {Reporter} from './reporter.js';
import {formatCounts, formatEndings, type Phase, RunProgress} from './run-progress.js';
import {formatSlowTransfer, formatTransferBytes, formatTransferCounts} from './transfer-text.js';

const slowestShown = 3;
/** Steps younger than this are not worth a row. */
const slowAfterMs = 2_000;
/** Lines about trouble that a phase leaves on the screen; the summary names them all. */
const troubleLimit = 20;

function nameWork(event: DroverEvent & {readonly kind: 'run-started'}): string {
  return cleanText(
    [event.command, event.app, event.snapshot === undefined ? undefined : shortenId(event.snapshot)]
      .filter((word) => word !== undefined)
      .join(' '),
  );
}

function titlePhase(phase: Phase, work: string): string {
  switch (phase.kind) {
    case 'prepare':
      return work;
    case 'wave':
      return cleanText(`wave ${phase.index}/${phase.of} ${phase.wave}`);
    case 'rollback':
      return 'roll back';
  }
}

function countHosts(progress: RunProgress): string {
  return progress.phase.kind === 'prepare' ? formatCount(progress.total, 'host') : cleanText(foldHostSet(progress.phase.hosts));
}

/**
 * The run on a terminal: one phase at a time (preparing, each wave, going back) in at most six rows: its title, its
 * counts, and the three hosts that have been at one step for longest; while hosts are staged, the bytes, and the three
 * transfers that will end last. Finished phases and trouble stay as lines above.
 * `now` is in milliseconds since the epoch.
 */
export function createLiveView({
  stream,
  colour,
  columns,
  now,
}: {
  readonly stream: Writable;
  readonly colour: boolean;
  readonly columns: () => number;
  readonly now: () => number;
}): Reporter {
  const screen = createLiveScreen({stream, columns, palette: createPalette(colour)});
  const progress = new RunProgress();
  let work = 'run';
  let endPhase: ((last: Line) => void) | undefined;
  let shown = Promise.resolve();
  let startedMs = 0;
  let troubles = 0;
  const told = new Set<string>();

  function composeTransfers(nowMs: number): readonly Line[] {
    const state = progress.transfers.look(nowMs);
    return [
      {text: `  ${formatTransferBytes(state)}`},
      {text: `  ${formatTransferCounts(state)}`},
      ...progress.transfers.findSlowest(slowestShown, nowMs).map((slow) => ({
        text: cleanText(`    ${formatSlowTransfer(slow)}`),
        paint: 'dim' as const,
      })),
    ];
  }

  function composeSteps(nowMs: number): readonly Line[] {
    const slowest = progress.findSlowest(slowestShown).filter((step) => nowMs - step.startedMs >= slowAfterMs);
    return [
      {text: `  ${formatCounts(progress, nowMs)}`},
      ...slowest.map(({host, step, startedMs: since}) => ({
        text: cleanText(`    ${host} ${step} ${Math.floor((nowMs - since) / 1000)}s`),
        paint: 'dim' as const,
      })),
    ];
  }

  function compose(title: string, sinceMs: number): readonly Line[] {
    const nowMs = now();
    const passed = `${Math.floor(Math.max(0, nowMs - sinceMs) / 1000)}s`;
    return [
      {text: `${figures.pointer} ${title}  ${passed}  ${countHosts(progress)}`, paint: 'strong'},
      ...(progress.transfers.active ? composeTransfers(nowMs) : composeSteps(nowMs)),
    ];
  }

  function startPhase(atMs: number): void {
    const title = titlePhase(progress.phase, work);
    let last: Line = {text: title};
    startedMs = atMs;
    const over = new Promise<void>((resolve) => {
      endPhase = (line) => {
        last = line;
        resolve();
      };
    });
    shown = shown.then(() => showPhase({title, over, view: {screen, compose: () => compose(title, atMs), conclude: () => [last]}}));
    shown.catch(() => undefined); // `close` rejects with it
  }

  function concludePhase(
    atMs: number,
    {failed, prepared = false, why}: {readonly failed: boolean; readonly prepared?: boolean; readonly why?: string},
  ): void {
    if (endPhase === undefined) return;
    const title = prepared && progress.phase.kind === 'prepare' ? 'prepared' : titlePhase(progress.phase, work);
    const reason = why === undefined ? '' : `  ${cleanText(why)}`;
    const more = troubles > troubleLimit ? `  (${troubles - troubleLimit} more)` : '';
    const text = `${failed ? figures.cross : figures.tick} ${title}  ${formatDuration(atMs - startedMs)}${reason}  ${formatEndings(progress)}${more}  ${countHosts(progress)}`;
    endPhase({text, paint: failed ? 'bad' : 'good'});
    endPhase = undefined;
    troubles = 0;
  }

  function tell(event: DroverEvent): void {
    const cut = event.kind === 'retrying' && event.step === 'stage';
    if (!isTrouble(event) && !cut) return;
    if (event.kind === 'step-ended') told.add(event.host);
    if (event.kind === 'host-ended' && event.outcome === 'failed' && told.has(event.host)) return;
    if (event.kind === 'host-ended' && event.outcome === 'reverted' && progress.phase.kind === 'rollback') return;
    const line = describeEvent(event);
    if (line === undefined || ++troubles > troubleLimit) return;
    screen.print([{...line, text: `${line.paint === 'bad' ? figures.cross : figures.warning} ${line.text}`}]);
  }

  return {
    accept(event) {
      const atMs = Date.parse(event.at);
      if (event.kind === 'run-started') work = nameWork(event);
      const begins = event.kind === 'run-started' || event.kind === 'wave-started' || event.kind === 'rolling-back';
      if (begins) concludePhase(atMs, {failed: event.kind === 'rolling-back', prepared: true});
      progress.apply(event);
      tell(event);
      if (begins) startPhase(atMs);
      if (event.kind === 'wave-ended')
        concludePhase(atMs, {failed: event.outcome === 'failed', ...(event.why === undefined ? {} : {why: event.why})});
      if (event.kind === 'run-ended') {
        const wentBack = progress.phase.kind === 'rollback' && progress.done === progress.total;
        concludePhase(atMs, {failed: event.exit !== 0 && !wentBack});
      }
    },
    say(lines, asked) {
      // Back to where the rows end.
      if (asked !== undefined) stream.write('\u001b[1A');
      screen.print(lines.map((line) => ({text: cleanText(line)})));
    },
    async close() {
      concludePhase(now(), {failed: true, why: 'not finished'});
      await shown;
    },
  };
}
