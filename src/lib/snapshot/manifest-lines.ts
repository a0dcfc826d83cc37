/** What differs between two canonical manifests, as lines without their line breaks, each list in canonical order. */
export interface LineDifference {
  /** Lines that only the first one has. */
  readonly gone: readonly string[];
  /** Lines that only the second one has. */
  readonly fresh: readonly string[];
}

const lineBreak = 0x0a;
const firstStepBytes = 256;
const mostStepBytes = 1024 * 1024;

/**
 * Compares two canonical manifests as bytes: sorted lines need no parsing to be told apart. What is equal is passed over in steps that double,
 * so that two files changed of 43,000 cost what reading the two texts does.
 */
export function compareLines(before: Buffer, after: Buffer): LineDifference {
  const gone: string[] = [];
  const fresh: string[] = [];
  for (let [left, right] = passEqual(before, after, 0, 0); left < before.length || right < after.length; ) {
    const [leftEnd, rightEnd] = [endOfLine(before, left), endOfLine(after, right)];
    const order = left === before.length ? 1 : right === after.length ? -1 : before.compare(after, right, rightEnd, left, leftEnd);
    if (order < 0) {
      gone.push(before.toString('utf8', left, leftEnd));
      left = Math.min(leftEnd + 1, before.length);
    } else {
      fresh.push(after.toString('utf8', right, rightEnd));
      right = Math.min(rightEnd + 1, after.length);
    }
    [left, right] = passEqual(before, after, left, right);
  }
  return {gone, fresh};
}

/** Where the line ends that begins at `start`: at its line break. */
function endOfLine(text: Buffer, start: number): number {
  const end = text.indexOf(lineBreak, start);
  return end < 0 ? text.length : end;
}

/** From two places where lines begin to the next two where lines begin that differ, or to the ends. */
function passEqual(before: Buffer, after: Buffer, fromLeft: number, fromRight: number): [left: number, right: number] {
  let [left, right] = [fromLeft, fromRight];
  const isEqual = (bytes: number): boolean =>
    left + bytes <= before.length && right + bytes <= after.length && before.compare(after, right, right + bytes, left, left + bytes) === 0;
  let step = firstStepBytes;
  while (isEqual(step)) {
    left += step;
    right += step;
    step = Math.min(step * 2, mostStepBytes);
  }
  for (; step >= 1; step /= 2) {
    if (!isEqual(step)) continue;
    left += step;
    right += step;
  }
  if (left === before.length && right === after.length) return [left, right];
  // The line break itself counts: a line that is the start of another is not equal to it.
  const begun = left === fromLeft ? 0 : left - 1 - before.subarray(fromLeft, left).lastIndexOf(lineBreak) - fromLeft;
  return [left - begun, right - begun];
}
