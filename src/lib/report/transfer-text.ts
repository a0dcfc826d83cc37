import {formatBytes, formatDuration} from './quantity.js';
import type {SlowTransfer, TransferState} from './transfer-progress.js';

/** A pause shorter than this is nothing to tell. */
const quietAfterMs = 5_000;

/** `48 done  64 moving  4 unpacking  1 failed  283 waiting  of 400`; what there is none of is left out, but not what is done. */
export function formatTransferCounts({done, moving, unpacking, failed, waiting, hosts}: TransferState): string {
  const counts = [
    [moving, 'moving'],
    [unpacking, 'unpacking'],
    [failed, 'failed'],
    [waiting, 'waiting'],
  ] as const;
  return [`${done} done`, ...counts.filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`), `of ${hosts}`].join('  ');
}

/** `27%  1.2 GB of 4.5 GB  36.1 MB/s  about 1m32s left`; says so when nothing can be told. */
export function formatTransferBytes({sentBytes, totalBytes, totalKnown, perSecond, leftMs, quietMs, moving}: TransferState): string {
  if (totalBytes === 0) return totalKnown ? 'nothing to send' : 'nothing sent yet';
  const share = totalKnown ? [`${Math.floor((sentBytes / totalBytes) * 100)}%`] : [];
  const of = `${formatBytes(sentBytes)} of ${totalKnown ? '' : 'at least '}${formatBytes(totalBytes)}`;
  return [...share, of, ...describePace({perSecond, quietMs, moving}), ...describeLeft({leftMs, sentBytes, totalBytes})].join('  ');
}

function describePace({perSecond, quietMs, moving}: Pick<TransferState, 'perSecond' | 'quietMs' | 'moving'>): readonly string[] {
  if (perSecond > 0) return [`${formatBytes(perSecond)}/s`];
  return moving > 0 && quietMs >= quietAfterMs ? [`nothing moved for ${formatWhole(quietMs)}`] : [];
}

function describeLeft({leftMs, sentBytes, totalBytes}: Pick<TransferState, 'leftMs' | 'sentBytes' | 'totalBytes'>): readonly string[] {
  if (sentBytes >= totalBytes) return [];
  return [leftMs === undefined ? 'time left unknown' : `about ${formatWhole(leftMs)} left`];
}

/** `web017  3.1 MB of 12.4 MB  120 kB/s`, and since when nothing moves. */
export function formatSlowTransfer({host, sentBytes, totalBytes, perSecond, quietMs}: SlowTransfer): string {
  const pace = quietMs >= quietAfterMs ? `nothing for ${formatWhole(quietMs)}` : `${formatBytes(perSecond)}/s`;
  return `${host}  ${formatBytes(sentBytes)} of ${formatBytes(totalBytes)}  ${pace}`;
}

/** Whole seconds: tenths of a guess tell nothing. */
function formatWhole(ms: number): string {
  return ms < 59_500 ? `${Math.ceil(ms / 1000)}s` : formatDuration(ms);
}
