import {spawn, spawnSync} from 'node:child_process';
import {Duplex, type Readable} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import * as zlib from 'node:zlib';

/** How the archive of a delta is compressed on the wire. */
export type Encoding = 'gzip' | 'zstd';

type Pieces = AsyncIterable<Buffer>;

/** Six is gzip's own; nine of zstd is as fast, and a delta is compressed once and sent often. */
const levels = {gzip: 6, zstd: 9} as const;

const chunkSize = 64 * 1024;

/** Node has zstd from 22.15 on. */
function nodeZstd(): ReturnType<typeof zlib.createGzip> | undefined {
  const create = Reflect.get(zlib, 'createZstdCompress') as ((options: object) => ReturnType<typeof zlib.createGzip>) | undefined;
  const level = Reflect.get(zlib.constants, 'ZSTD_c_compressionLevel') as number | undefined;
  return level === undefined ? undefined : create?.({chunkSize, params: {[level]: levels.zstd}});
}

let programWorks: boolean | undefined;

/** Whether this machine can compress that way: gzip always, zstd by Node itself or by the program. */
export function canEncode(encoding: Encoding): boolean {
  if (encoding === 'gzip' || 'createZstdCompress' in zlib) return true;
  programWorks ??= spawnSync('zstd', ['--version'], {stdio: 'ignore'}).status === 0;
  return programWorks;
}

/** A step of a pipeline that compresses; what this machine cannot encode fails there. */
export function encode(encoding: Encoding): Duplex {
  if (encoding === 'gzip') return zlib.createGzip({level: levels.gzip, chunkSize});
  return nodeZstd() ?? Duplex.from(runZstd);
}

async function* runZstd(pieces: Pieces): AsyncGenerator<Buffer> {
  const child = spawn('zstd', ['-q', `-${levels.zstd}`, '-c'], {stdio: ['pipe', 'pipe', 'pipe']});
  const ended = new Promise<string | undefined>((resolve) => {
    let words = '';
    child.stderr.on('data', (piece: Buffer) => {
      words = `${words}${piece.toString()}`.slice(0, 1000);
    });
    child.on('error', (error) => resolve(error.message));
    child.on('close', (status, signal) => resolve(status === 0 ? undefined : words.trim() || `zstd ended with ${status ?? signal}`));
  });
  const fed = pipeline(pieces, child.stdin).then(
    () => undefined,
    (error: unknown) => error,
  );
  try {
    yield* child.stdout as Readable & Pieces;
    const [failure, trouble] = await Promise.all([fed, ended]);
    if (trouble !== undefined) throw new Error(trouble);
    if (failure !== undefined) throw failure;
  } finally {
    child.kill();
  }
}
