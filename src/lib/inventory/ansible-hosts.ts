import {DroverError} from '../errors/drover-error.js';

/** As many as a host set of our own may name. */
const maxHosts = 10_000;

function readRange(text: string): string[] | undefined {
  const numbers = /^(\d{1,15}):(\d{1,15})(?::([1-9]\d{0,5}))?$/.exec(text);
  const letters = /^([a-zA-Z]):([a-zA-Z])(?::([1-9]\d{0,5}))?$/.exec(text);
  const [, from = '', to = '', step = '1'] = numbers ?? letters ?? [];
  if (from === '') return undefined;
  const [first, last] = numbers ? [Number(from), Number(to)] : [from.charCodeAt(0), to.charCodeAt(0)];
  if (first > last || (last - first) / Number(step) >= maxHosts || (from.length > 1 && from.startsWith('0') && from.length !== to.length))
    return undefined;
  const width = from.startsWith('0') ? from.length : 1;
  return Array.from({length: Math.floor((last - first) / Number(step)) + 1}, (_, index) => {
    const value = first + index * Number(step);
    return numbers ? String(value).padStart(width, '0') : String.fromCharCode(value);
  });
}

/** The hosts of `web[01:12].eu` and `db-[a:f]`, as Ansible counts them: both ends, an optional step. Throws `invalid-file`. */
export function expandAnsibleHosts(text: string): string[] {
  let names = [''];
  for (const part of text.split(/(\[[^\]]*\])/)) {
    const values = part.startsWith('[') ? readRange(part.slice(1, -1)) : [part];
    if (values === undefined || names.length * values.length > maxHosts)
      throw new DroverError({
        code: 'invalid-file',
        message: `host ${JSON.stringify(text)} has ${JSON.stringify(part)} where a range belongs`,
        fix: `write, for example, "web[01:12]", at most ${maxHosts.toLocaleString('en')} hosts`,
      });
    names = names.flatMap((name) => values.map((value) => name + value));
  }
  return names;
}
