import type {Readable} from 'node:stream';
import {DroverError} from '../errors/drover-error.js';
import {type Body, BucketClient, isPassingError, type Service} from './bucket-exchange.js';
import {type PartsUpload, planParts, sendParts} from './bucket-multipart.js';
import {readElement} from './xml-element.js';

export interface OpenBucketOptions extends Service {
  readonly bucket: string;
  /** Without a slash at either end; may be empty. */
  readonly prefix: string;
  /** Size of the parts of a large object; a file of more than four of them travels in parts. 16 MiB unless told. */
  readonly partBytes?: number;
}

/** What a list says of an object. */
export interface ListedObject {
  /** Without its folder. */
  readonly name: string;
  readonly bytes: number;
  /** By the clock of the service, milliseconds. */
  readonly changedMs: number;
}

/** An upload in parts that was begun and not ended. */
export interface OpenUpload {
  /** Without the prefix of the bucket. */
  readonly key: string;
  readonly id: string;
  readonly begunMs: number;
}

const listPage = 1000;
/** One object is continued so often. */
const maxCuts = 5;
const maxSmallBytes = 256 * 1024 * 1024;
const pass = (): void => undefined;
const isUrgent = (key: string): boolean => key.startsWith('locks/');

/** One bucket below one prefix: bytes by key. Nothing in it is ever changed in place. */
export class Bucket {
  /** `s3://bucket/prefix` */
  readonly where: string;
  /** Tells this place from every other. */
  readonly identity: string;
  readonly #client: BucketClient;
  readonly #root: string;
  readonly #prefix: string;
  readonly #partBytes: number;

  constructor(options: OpenBucketOptions) {
    const {bucket, prefix, endpoint, where, partBytes = 16 * 1024 * 1024} = options;
    this.#partBytes = partBytes;
    this.where = where;
    this.identity = `${endpoint}\n${bucket}\n${prefix}`;
    this.#root = `/${bucket}`;
    this.#prefix = prefix === '' ? '' : `${prefix}/`;
    this.#client = new BucketClient(options);
  }

  /** The bytes of an object, undefined when it is not there. */
  async get(key: string, signal: AbortSignal): Promise<Buffer | undefined> {
    const pieces = this.read(key, {start: 0}, signal);
    const found = await collect(pieces, key);
    return found.there ? found.bytes : undefined;
  }

  /**
   * An object, or bytes `start` to `end` (the last one) of it, in pieces; what the network cuts is continued. Gives true at its end, and
   * false at once when the object is not there, or has no byte there.
   */
  async *read(
    key: string,
    {start, end}: {readonly start: number; readonly end?: number},
    signal: AbortSignal,
  ): AsyncGenerator<Buffer, boolean> {
    let at = start;
    for (let cuts = 0; ; cuts += 1) {
      const stream = await this.#open(key, at, end, signal);
      if (stream === undefined) return false;
      try {
        for await (const piece of stream as AsyncIterable<Buffer>) {
          at += piece.length;
          yield piece;
        }
        return true;
      } catch (error) {
        signal.throwIfAborted();
        if (cuts === maxCuts || !isPassingError(error)) throw this.#client.explain(error);
      }
    }
  }

  async #open(key: string, start: number, end: number | undefined, signal: AbortSignal): Promise<Readable | undefined> {
    const ranged = start > 0 || end !== undefined;
    const headers: Record<string, string> = ranged ? {range: `bytes=${start}-${end ?? ''}`} : {};
    const reply = await this.#client.send({method: 'GET', path: this.#pathOf(key), headers, signal}, [404, 416]);
    if (reply.kind === 'refused') {
      if (reply.code === 'NoSuchBucket') throw this.#refuseMissingBucket();
      return undefined;
    }
    if (ranged && reply.status !== 206) {
      reply.stream.destroy();
      throw new DroverError({
        code: 'unsupported',
        message: `${this.where}: the service does not know ranges`,
        fix: 'use another S3 service',
      });
    }
    return reply.stream;
  }

  async has(key: string, signal: AbortSignal): Promise<boolean> {
    const reply = await this.#client.send({method: 'HEAD', path: this.#pathOf(key), signal}, [404]);
    if (reply.kind === 'reply') reply.stream.resume();
    return reply.kind === 'reply';
  }

  /**
   * Brings an object that is not there yet; one that is stays as it is, and `false` comes back. Two at once leave one, whole. `check` is asked
   * before each try of each request.
   */
  async add(key: string, body: Body, signal: AbortSignal, check: () => void = pass): Promise<boolean> {
    if (this.#isInParts(body)) return !(await this.has(key, signal)) && this.#sendParts(key, body, {onlyNew: true, check}, signal);
    const put = {method: 'PUT', path: this.#pathOf(key), body, check, signal} as const;
    const reply = await this.#client.send({...put, headers: {'if-none-match': '*'}}, [409, 412, 501]);
    if (reply.kind === 'refused' && reply.status === 501) {
      // A service that does not know conditions; keys are named by their content, so that nothing else can be overwritten.
      await this.replace(key, body, signal, check);
      return true;
    }
    if (reply.kind === 'reply') reply.stream.resume();
    return reply.kind === 'reply';
  }

  /** Brings an object, whatever was there; `check` is asked before each try of each request. */
  async replace(key: string, body: Body, signal: AbortSignal, check: () => void = pass): Promise<void> {
    if (this.#isInParts(body)) {
      await this.#sendParts(key, body, {onlyNew: false, check}, signal);
      return;
    }
    const urgent = isUrgent(key);
    const reply = await this.#client.send({method: 'PUT', path: this.#pathOf(key), body, check, urgent, signal});
    if (reply.kind === 'reply') reply.stream.resume();
  }

  /** Removes an object, there or not; `check` is asked before each try. */
  async remove(key: string, signal: AbortSignal, check: () => void = pass): Promise<void> {
    const urgent = isUrgent(key);
    const reply = await this.#client.send({method: 'DELETE', path: this.#pathOf(key), check, urgent, signal}, [404]);
    if (reply.kind === 'reply') reply.stream.resume();
  }

  #isInParts({bytes, file}: Body): boolean {
    return file !== undefined && bytes > 4 * this.#partBytes;
  }

  async #sendParts(key: string, body: Body, terms: Pick<PartsUpload, 'onlyNew' | 'check'>, signal: AbortSignal): Promise<boolean> {
    const upload = {client: this.#client, path: this.#pathOf(key), ...terms, signal} as const;
    return sendParts({...upload, isThere: () => this.has(key, signal)}, body, planParts(body.bytes, this.#partBytes));
  }

  /** The latest that the time of the service can be, as of its last reply, milliseconds. */
  serviceNow(): number {
    return this.#client.serviceNow();
  }

  /** The keys below a folder, without the folder, sorted. */
  async list(folder: string, signal: AbortSignal): Promise<string[]> {
    return (await this.listObjects(folder, signal)).map(({name}) => name);
  }

  /** As `list`, with what the service says of each. */
  async listObjects(folder: string, signal: AbortSignal): Promise<ListedObject[]> {
    const prefix = `${this.#prefix}${folder}`;
    const found: ListedObject[] = [];
    let token: string | undefined;
    do {
      const more: Record<string, string> = token === undefined ? {} : {'continuation-token': token};
      const query = {'list-type': '2', 'max-keys': String(listPage), prefix, 'encoding-type': 'url', ...more};
      const text = await this.#page(query, signal);
      for (const [, object = ''] of text.matchAll(/<Contents>(.*?)<\/Contents>/gs)) {
        const name = decodeURIComponent(readElement(object, 'Key')).slice(prefix.length);
        found.push({name, bytes: Number(readElement(object, 'Size')), changedMs: Date.parse(readElement(object, 'LastModified'))});
      }
      token = readElement(text, 'NextContinuationToken') || undefined;
    } while (token !== undefined);
    return found.sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)));
  }

  /** Uploads in parts that nobody has ended: of somebody who is at it, or who was killed. */
  async listUploads(signal: AbortSignal): Promise<OpenUpload[]> {
    const found: OpenUpload[] = [];
    let more: Record<string, string> | undefined = {};
    while (more !== undefined) {
      const text = await this.#page({uploads: '', prefix: this.#prefix, 'max-uploads': String(listPage), ...more}, signal);
      for (const [, upload = ''] of text.matchAll(/<Upload>(.*?)<\/Upload>/gs)) {
        const key = readElement(upload, 'Key').slice(this.#prefix.length);
        found.push({key, id: readElement(upload, 'UploadId'), begunMs: Date.parse(readElement(upload, 'Initiated'))});
      }
      const marker = readElement(text, 'NextKeyMarker');
      const isLast = readElement(text, 'IsTruncated') !== 'true' || marker === '';
      more = isLast ? undefined : {'key-marker': marker, 'upload-id-marker': readElement(text, 'NextUploadIdMarker')};
    }
    return found;
  }

  /** Gives up an upload in parts; what has arrived of it goes. */
  async abandonUpload({key, id}: OpenUpload, signal: AbortSignal): Promise<void> {
    const reply = await this.#client.send({method: 'DELETE', path: this.#pathOf(key), query: {uploadId: id}, signal}, [404]);
    if (reply.kind === 'reply') reply.stream.resume();
  }

  /** One page of a list. */
  async #page(query: Readonly<Record<string, string>>, signal: AbortSignal): Promise<string> {
    for (let cuts = 0; ; cuts += 1) {
      const reply = await this.#client.send({method: 'GET', path: this.#root, query, signal});
      if (reply.kind === 'refused') return '';
      try {
        return Buffer.concat(await reply.stream.toArray({signal})).toString('utf8');
      } catch (error) {
        signal.throwIfAborted();
        if (cuts === maxCuts || !isPassingError(error)) throw this.#client.explain(error);
      }
    }
  }

  /** An address that lets whoever has it read one object for so many seconds. It is a secret as long as it works. */
  presign(key: string, seconds: number): Promise<string> {
    return this.#client.presign(this.#pathOf(key), seconds);
  }

  #pathOf(key: string): string {
    return `${this.#root}/${this.#prefix}${key}`;
  }

  #refuseMissingBucket(): DroverError {
    return new DroverError({
      code: 'not-found',
      message: `${this.where}: the bucket does not exist`,
      fix: 'create the bucket, or check endpoint and store:',
    });
  }
}

async function collect(pieces: AsyncGenerator<Buffer, boolean>, key: string): Promise<{readonly there: boolean; readonly bytes: Buffer}> {
  const kept: Buffer[] = [];
  let bytes = 0;
  for (;;) {
    const step = await pieces.next();
    if (step.done === true) return {there: step.value, bytes: Buffer.concat(kept)};
    bytes += step.value.length;
    if (bytes > maxSmallBytes) {
      throw new DroverError({code: 'integrity', message: `object ${key} of the bucket is larger than anything drover has put there`});
    }
    kept.push(step.value);
  }
}
