import {splitCsvLine} from './haproxy-csv.js';

/** What the line of a backend itself says in `show stat`. */
export interface BackendTraits {
  /** Name of the cookie that binds clients to servers. */
  readonly cookie?: string;
  /** `roundrobin`, `static-rr`… */
  readonly algorithm?: string;
}

/** Nothing where an older HAProxy tells nothing. */
export function parseBackendTraits(text: string): BackendTraits {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const names = splitCsvLine((lines.find((line) => line.startsWith('# ')) ?? '').slice(2));
  for (const line of lines) {
    const fields = splitCsvLine(line);
    const field = (name: string): string => fields[names.indexOf(name)] ?? '';
    if (line.startsWith('# ') || field('svname') !== 'BACKEND') continue;
    const [cookie, algorithm] = [field('cookie'), field('algo')];
    return {...(cookie === '' ? {} : {cookie}), ...(algorithm === '' ? {} : {algorithm})};
  }
  return {};
}
