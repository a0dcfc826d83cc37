/** What one host printed. */
export interface HostOutput {
  readonly host: string;
  readonly output: string;
  /** How it ended when not well: `exit 3`, `lost: connection reset`. Hosts are grouped only with the same ending. */
  readonly failure?: string;
}

/**
 * Hosts that printed the same and ended alike. Largest group first, failed groups last, so that the odd ones stand where the eye ends; equal
 * groups in the order given.
 */
export function groupOutputs(outputs: readonly HostOutput[]): readonly (readonly [HostOutput, ...HostOutput[]])[] {
  const groups = new Map<string, [HostOutput, ...HostOutput[]]>();
  for (const output of outputs) {
    const key = JSON.stringify([output.failure ?? null, output.output]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [output]);
    else group.push(output);
  }
  const rank = ([{failure}]: readonly [HostOutput, ...HostOutput[]]): number => (failure === undefined ? 0 : 1);
  return [...groups.values()].sort((one, other) => rank(one) - rank(other) || other.length - one.length);
}
