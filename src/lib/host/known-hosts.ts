import {createHash, createHmac} from 'node:crypto';
import {readFile} from 'node:fs/promises';

/** One key that known_hosts gives a name. */
export interface KnownKey {
  readonly type: string;
  readonly key: Buffer;
  /** `file:line`, for messages. */
  readonly where: string;
}

interface KnownLine extends KnownKey {
  readonly marker: 'cert-authority' | 'revoked' | undefined;
  readonly patterns: string;
}

/** What the known_hosts files say of one name. */
export interface KnownKeys {
  /** Accepted keys. */
  readonly keys: readonly KnownKey[];
  /** Keys of the same name at the usual port: as for OpenSSH, good enough where `keys` is empty, and no sign of a change. */
  readonly portless: readonly KnownKey[];
  readonly revoked: readonly Buffer[];
  /** True where a certificate authority vouches for this name: only the OpenSSH client can check that. */
  readonly certified: boolean;
}

/** known_hosts files, each read and parsed once. A missing file is an empty one, as for OpenSSH. */
export class KnownHosts {
  private readonly files = new Map<string, Promise<readonly KnownLine[]>>();

  /** `name` is what OpenSSH looks up: the alias, or the host name, or `[name]:port`. */
  async lookUp(name: string, files: readonly string[]): Promise<KnownKeys> {
    const lines = (await Promise.all(files.map((file) => this.load(file)))).flat();
    const matching = lines.filter((line) => matchesPatterns(name, line.patterns));
    const plain = /^\[(.*)\]:\d+$/.exec(name)?.[1];
    const portless = plain === undefined ? [] : lines.filter((line) => matchesPatterns(plain, line.patterns));
    return {
      keys: matching.filter((line) => line.marker === undefined),
      portless: portless.filter((line) => line.marker === undefined),
      revoked: [...matching, ...portless].filter((line) => line.marker === 'revoked').map((line) => line.key),
      certified: matching.some((line) => line.marker === 'cert-authority'),
    };
  }

  private load(file: string): Promise<readonly KnownLine[]> {
    const known = this.files.get(file);
    if (known !== undefined) return known;
    const loading = readFile(file, 'utf8').then(
      (text) => text.split('\n').flatMap((line, index) => parseLine(line, `${file}:${index + 1}`)),
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
        throw error;
      },
    );
    this.files.set(file, loading);
    return loading;
  }
}

function parseLine(line: string, where: string): KnownLine[] {
  const words = line.trim().split(/[ \t]+/);
  if (words[0] === undefined || words[0] === '' || words[0].startsWith('#')) return [];
  const marker = words[0] === '@revoked' ? 'revoked' : words[0] === '@cert-authority' ? 'cert-authority' : undefined;
  if (words[0].startsWith('@')) {
    if (marker === undefined) return [];
    words.shift();
  }
  const [patterns, type, key] = words;
  if (patterns === undefined || type === undefined || key === undefined) return [];
  return [{marker, patterns, type, key: Buffer.from(key, 'base64'), where}];
}

function matchesPatterns(name: string, patterns: string): boolean {
  if (patterns.startsWith('|1|')) return matchesHash(name, patterns);
  let matched = false;
  for (const pattern of patterns.split(',')) {
    const negated = pattern.startsWith('!');
    if (!matchesPattern(name.toLowerCase(), (negated ? pattern.slice(1) : pattern).toLowerCase())) continue;
    if (negated) return false;
    matched = true;
  }
  return matched;
}

function matchesHash(name: string, hashed: string): boolean {
  const [, , salt, digest] = hashed.split('|');
  if (salt === undefined || digest === undefined) return false;
  return createHmac('sha1', Buffer.from(salt, 'base64')).update(name.toLowerCase()).digest('base64') === digest;
}

/** `*` and `?` as in ssh_config; linear in both lengths for the patterns that occur. */
function matchesPattern(name: string, pattern: string): boolean {
  let at = 0;
  let from = 0;
  let star = -1;
  let mark = 0;
  while (at < name.length) {
    if (from < pattern.length && (pattern[from] === '?' || pattern[from] === name[at])) {
      at++;
      from++;
    } else if (pattern[from] === '*') {
      star = from++;
      mark = at;
    } else if (star >= 0) {
      from = star + 1;
      at = ++mark;
    } else {
      return false;
    }
  }
  while (pattern[from] === '*') from++;
  return from === pattern.length;
}

/** What OpenSSH calls the host in known_hosts. */
export function knownName(resolved: {readonly hostname: string; readonly port: number; readonly hostKeyAlias: string | undefined}): string {
  const {hostname, port, hostKeyAlias} = resolved;
  return hostKeyAlias ?? (port === 22 ? hostname : `[${hostname}]:${port}`);
}

/** `SHA256:…` as `ssh-keygen -lf` prints it. */
export function fingerprintOf(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}
