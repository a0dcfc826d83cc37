/** Which source each entry of a manifest came from, as runs: `0*120 1 0*3` says 120 entries from the first source, one from the second, … */
export function encodeOrigins(origins: readonly number[]): string {
  const runs: string[] = [];
  for (let at = 0; at < origins.length; ) {
    const origin = origins[at] ?? 0;
    let end = at + 1;
    while (end < origins.length && origins[end] === origin) end += 1;
    runs.push(end - at === 1 ? `${origin}` : `${origin}*${end - at}`);
    at = end;
  }
  return runs.join(' ');
}

/** What `encodeOrigins` wrote, one source for each entry. */
export function decodeOrigins(text: string): readonly number[] {
  if (text === '') return [];
  return text.split(' ').flatMap((run) => {
    const [origin, count = '1'] = run.split('*');
    return new Array<number>(Number(count)).fill(Number(origin));
  });
}
