/** One line of RFC 4180; HAProxy quotes fields with commas or quotes in them (`last_chk`) and never breaks lines inside. */
export function splitCsvLine(line: string): string[] {
  const fields: string[] = [];
  let rest = line;
  while (true) {
    const quoted = /^"((?:[^"]|"")*)"(,|$)/.exec(rest);
    const plain = quoted ?? /^([^,]*)(,|$)/.exec(rest);
    if (plain === null) return fields;
    fields.push(quoted === null ? (plain[1] ?? '') : (quoted[1] ?? '').replaceAll('""', '"'));
    if (plain[2] !== ',') return fields;
    rest = rest.slice(plain[0].length);
  }
}
