import {spawn, spawnSync} from 'node:child_process';
import {Duplex} from 'node:stream';
import * as zlib from 'node:zlib';

/** How the archive of a delta is compressed on the wire. */
export type Encoding = 'gzip' | 'zstd';

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
  return nodeZstd() ?? new ZstdProgram();
}

/** The program zstd as a step of a pipeline. It ends with the step: one that lived on would keep drover from ending. */
class ZstdProgram extends Duplex {
  private readonly child = spawn('zstd', ['-q', `-${levels.zstd}`, '-c'], {stdio: ['pipe', 'pipe', 'pipe']});

  constructor() {
    super({readableHighWaterMark: chunkSize, writableHighWaterMark: chunkSize});
    const {child} = this;
    let words = '';
    child.stderr.on('data', (piece: Buffer) => {
      words = `${words}${piece.toString()}`.slice(0, 1000);
    });
    child.stdout.on('data', (piece: Buffer) => {
      if (!this.push(piece)) child.stdout.pause();
    });
    // What it did not read is told by how it ended.
    child.stdin.on('error', () => undefined);
    child.on('error', (error) => this.destroy(error));
    child.on('close', (status, signal) => {
      if (status === 0) this.push(null);
      else this.destroy(new Error(words.trim() || `zstd ended with ${status ?? signal}`));
    });
  }

  override _write(piece: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.child.stdin.write(piece, () => done());
  }

  override _final(done: () => void): void {
    this.child.stdin.end(() => done());
  }

  override _read(): void {
    this.child.stdout.resume();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const {child} = this;
    child.kill('SIGKILL');
    for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.destroy();
    done(error);
  }
}
