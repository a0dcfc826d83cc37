/** Between two reports of one transfer. */
const everyMs = 500;

/**
 * Thins out what is told of one transfer: where it begins, where it ends, and at most two reports a second between. Without it every
 * piece would be an event: 400 hosts made some thousands a second.
 */
export function createTransferMeter({
  totalBytes,
  now,
  report,
}: {
  readonly totalBytes: number;
  /** Milliseconds; may jump. */
  readonly now: () => number;
  readonly report: (sentBytes: number) => void;
}): (sentBytes: number) => void {
  let lastMs: number | undefined;
  return (sentBytes) => {
    const nowMs = now();
    if (lastMs !== undefined && sentBytes < totalBytes && Math.abs(nowMs - lastMs) < everyMs) return;
    lastMs = nowMs;
    report(sentBytes);
  };
}
