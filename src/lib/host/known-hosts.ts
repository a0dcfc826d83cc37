import {createHash} from 'node:crypto';
import {readFile} from 'node:fs/promises';
import {DroverError} from '../errors/drover-error.js';
import {NamePatterns} from './name-patterns.js';
import {WorkSlices} from './work-slices.js';

/** One key that known_hosts gives a name. */
export interface KnownKey {
  readonly type: string;
  readonly key: Buffer;
  /** `file:line`, for messages. */
  readonly where: string;
}

/** What the known_hosts files say of one name. */
export interface KnownKeys {
  /** Accepted keys. */
  readonly keys: readonly KnownKey[];
  /** Keys of the same name at the usual port: as for OpenSSH, good enough where `keys` is empty, and no sign of a change. Empty where `keys` is not. */
  readonly portless: readonly KnownKey[];
  readonly revoked: readonly Buffer[];
  /** True where a certificate authority vouches for this name: only the OpenSSH client can check that. */
  readonly certified: boolean;
}

/** Asked of all lines of a file, or of those that a marker sets apart: there are few of these, and they count for every host. */
class KnownLines {
  private readonly names: NamePatterns;
  private readonly lines: {readonly marker: Marker | undefined; readonly type: string; readonly key: string; readonly where: string}[] = [];

  constructor(slices: WorkSlices) {
    this.names = new NamePatterns(slices);
  }

  add(names: string, line: (typeof this.lines)[number]): void {
    this.names.add(names, this.lines.push(line) - 1);
  }

  async find(name: string): Promise<KnownLine[]> {
    const found = await this.names.find(name);
    return found.flatMap((index) => {
      const line = this.lines[index];
      return line === undefined ? [] : [{...line, key: Buffer.from(line.key, 'base64')}];
    });
  }
}

type Marker = 'cert-authority' | 'revoked';

interface KnownLine extends KnownKey {
  readonly marker: Marker | undefined;
}

interface KnownFile {
  readonly plain: KnownLines;
  readonly marked: KnownLines;
}

/**
 * known_hosts files, each read and parsed once. A missing file is an empty one, as for OpenSSH. However long the files are and however many
 * hosts ask at once, the event loop goes on in between.
 */
export class KnownHosts {
  private readonly files = new Map<string, Promise<KnownFile>>();

  constructor(private readonly slices = new WorkSlices()) {}

  /** `name` is what OpenSSH looks up: the alias, or the host name, or `[name]:port`. */
  async lookUp(name: string, files: readonly string[]): Promise<KnownKeys> {
    const loaded = await Promise.all(files.map((file) => this.load(file)));
    const find = async (which: keyof KnownFile, wanted: string): Promise<KnownLine[]> =>
      (await Promise.all(loaded.map((file) => file[which].find(wanted)))).flat();
    const portlessName = /^\[(.*)\]:\d+$/.exec(name)?.[1];
    const keys = await find('plain', name);
    const marked = await find('marked', name);
    const portlessMarked = portlessName === undefined ? [] : await find('marked', portlessName);
    return {
      keys,
      portless: keys.length > 0 || portlessName === undefined ? [] : await find('plain', portlessName),
      revoked: [...marked, ...portlessMarked].filter((line) => line.marker === 'revoked').map((line) => line.key),
      certified: marked.some((line) => line.marker === 'cert-authority'),
    };
  }

  private load(file: string): Promise<KnownFile> {
    const known = this.files.get(file);
    if (known !== undefined) return known;
    const loading = readFile(file, 'utf8').then(
      (text) => this.slices.run(() => this.parse(text, file)),
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return this.parse('', file);
        const message = `known_hosts ${file} cannot be read (${error.code ?? error.message})`;
        throw new DroverError({code: 'invalid-file', message, fix: 'make it a file that you can read, or name another one'});
      },
    );
    this.files.set(file, loading);
    return loading;
  }

  private async parse(text: string, file: string): Promise<KnownFile> {
    const known = {plain: new KnownLines(this.slices), marked: new KnownLines(this.slices)};
    let number = 0;
    for (const line of text.split('\n')) {
      addLine(known, line, `${file}:${++number}`);
      await this.slices.spend(parseUnits);
    }
    return known;
  }
}

/** A line is cut up, and its salt hashed. */
const parseUnits = 4;

function addLine(known: KnownFile, line: string, where: string): void {
  const words = line.trim().split(/[ \t]+/);
  if (words[0] === undefined || words[0] === '' || words[0].startsWith('#')) return;
  const marker = words[0] === '@revoked' ? 'revoked' : words[0] === '@cert-authority' ? 'cert-authority' : undefined;
  if (words[0].startsWith('@')) {
    if (marker === undefined) return;
    words.shift();
  }
  const [names, type, key] = words;
  if (names === undefined || type === undefined || key === undefined) return;
  known[marker === undefined ? 'plain' : 'marked'].add(names, {marker, type, key, where});
}

/** What OpenSSH calls the host in known_hosts. */
export function knownName(resolved: {readonly hostname: string; readonly port: number; readonly hostKeyAlias: string | undefined}): string {
  const {hostname, port, hostKeyAlias} = resolved;
  return hostKeyAlias ?? (port === 22 ? hostname : `[${hostname}]:${port}`);
}

/** The line that makes a key known. Throws `refused` for a name that would be read as more than itself: ssh_config may hold any as its HostKeyAlias. */
export function writeKnownLine({name, type, key}: {readonly name: string; readonly type: string; readonly key: string}): string {
  if (!/^[^\s,*?!|#@"'\\]+$/.test(name) || /\p{C}/u.test(name)) {
    throw new DroverError({
      code: 'refused',
      message: `known_hosts cannot hold the name ${JSON.stringify(name)}`,
      fix: 'correct the HostKeyAlias or HostName of your ssh_config',
    });
  }
  return `${name} ${type} ${key}\n`;
}

/** `SHA256:…` as `ssh-keygen -lf` prints it. */
export function fingerprintOf(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}
