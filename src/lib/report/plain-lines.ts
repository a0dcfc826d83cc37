import type {Writable} from 'node:stream';
import type {DroverEvent, Sink, Step} from '../events/event.js';
import {foldHostSet} from '../inventory/folded-hosts.js';
import {describeEvent, isTrouble, type Line} from './event-text.js';
import {cleanText} from './foreign-text.js';
import {createPalette} from './palette.js';
import {formatClock} from './quantity.js';
import {formatCounts, RunProgress} from './run-progress.js';
import {formatSlowTransfer, formatTransferBytes, formatTransferCounts} from './transfer-text.js';

const progressEveryMs = 10_000;
const slowestShown = 3;
const tickMs = 1_000;
/** Up to this many hosts each step and each end has its line. */
const fewHosts = 12;
const quietSteps: ReadonlySet<Step> = new Set<Step>(['connect', 'read-state', 'lease', 'release', 'command']);

/**
 * Timestamped lines (UTC) for pipes and CI logs. Runs of up to 12 hosts tell each step that changed something; larger
 * ones only what went wrong, retries, waves, and at most every 10 s a line of counts with the hosts that ended well
 * since the last one, folded. While hosts are staged there is a line of bytes every 10 s, also when nothing moves and however few
 * the hosts: silence would say the same as a dead run. Lines are as long as they need be and never start with foreign text.
 */
export function createPlainLines({
  stream,
  colour,
  now,
}: {
  readonly stream: Writable;
  readonly colour: boolean;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}): Sink {
  const palette = createPalette(colour);
  const progress = new RunProgress();
  let endedWell: string[] = [];
  let hosts = 0;
  let lastProgressMs = 0;
  let ticking: NodeJS.Timeout | undefined;

  function write(at: string, {text, paint}: Line): void {
    stream.write(`${palette.dim(formatClock(at))} ${paint === undefined ? text : palette[paint](text)}\n`);
  }

  function describeTransfers(nowMs: number): string {
    const state = progress.transfers.look(nowMs);
    const slowest = progress.transfers.findSlowest(slowestShown, nowMs).map(formatSlowTransfer);
    const behind = slowest.length === 0 ? '' : `; slowest: ${slowest.join(', ')}`;
    return `${formatTransferBytes(state)}  ${formatTransferCounts(state)}${behind}`;
  }

  function watchTransfers(): void {
    if (progress.transfers.active === (ticking !== undefined)) return;
    clearInterval(ticking);
    ticking = progress.transfers.active ? setInterval(() => writeTransfers(now()), tickMs).unref() : undefined;
  }

  function writeTransfers(nowMs: number): void {
    if (!progress.transfers.active || nowMs - lastProgressMs < progressEveryMs) return;
    lastProgressMs = nowMs;
    write(new Date(nowMs).toISOString(), {text: cleanText(describeTransfers(nowMs))});
  }

  function writeProgress(at: string): void {
    lastProgressMs = Date.parse(at);
    const names = endedWell.length === 0 ? '' : `: ${foldHostSet(endedWell)}`;
    write(at, {text: cleanText(`${formatCounts(progress, lastProgressMs)}${names}`)});
    endedWell = [];
  }

  function isWorthALine(event: DroverEvent): boolean {
    switch (event.kind) {
      case 'step-ended':
        return isTrouble(event) || (hosts <= fewHosts && event.outcome === 'done' && !quietSteps.has(event.step));
      case 'host-ended': {
        const wentBack = event.outcome === 'reverted' && progress.phase.kind === 'rollback';
        return (hosts <= fewHosts && (event.why !== undefined || event.outcome === 'reverted')) || (isTrouble(event) && !wentBack);
      }
      // The end of the step says the same.
      case 'warmed':
        return false;
      default:
        return true;
    }
  }

  return {
    accept(event) {
      if (event.kind === 'run-started') hosts = event.hosts;
      const concludes = event.kind === 'wave-ended' || event.kind === 'rolling-back' || event.kind === 'run-ended';
      if (concludes && endedWell.length > 0) writeProgress(event.at);
      progress.apply(event);
      const line = isWorthALine(event) ? describeEvent(event) : undefined;
      if (line !== undefined) write(event.at, line);
      if (event.kind === 'host-ended' && line === undefined && hosts > fewHosts) endedWell.push(event.host);
      if (event.kind === 'wave-started' || event.kind === 'run-started') lastProgressMs = Date.parse(event.at);
      watchTransfers();
      if (progress.transfers.active) writeTransfers(Date.parse(event.at));
      else if (hosts > fewHosts && Date.parse(event.at) - lastProgressMs >= progressEveryMs && progress.running > 0)
        writeProgress(event.at);
    },
    close: () => {
      clearInterval(ticking);
      return Promise.resolve();
    },
  };
}
