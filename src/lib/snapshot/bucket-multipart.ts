import {createHash} from 'node:crypto';
import {type FileHandle, open} from 'node:fs/promises';
import {DroverError} from '../errors/drover-error.js';
import {type Body, type BucketClient, bodyOf, type Exchange, isPassingError, type Reply} from './bucket-exchange.js';
import {readElement} from './xml-element.js';

/** How a file is cut, and how many parts of it are in memory at once. */
export interface PartPlan {
  readonly partBytes: number;
  readonly atOnce: number;
}

const maxParts = 10_000;
const inMemory = 3;
const abandonMs = 15_000;
const maxCuts = 5;

/** Parts of the wanted size, or of more where there would be over 10,000; about as many bytes in memory at once as three of the wanted. */
export function planParts(bytes: number, wantedBytes: number): PartPlan {
  const partBytes = Math.max(wantedBytes, Math.ceil(bytes / maxParts));
  return {partBytes, atOnce: Math.max(1, Math.floor((inMemory * wantedBytes) / partBytes))};
}

export interface PartsUpload {
  readonly client: BucketClient;
  /** `/bucket/key` */
  readonly path: string;
  /** What is there already stays; false comes back then. */
  readonly onlyNew: boolean;
  readonly isThere: () => Promise<boolean>;
  /** Asked before each try of each request. */
  readonly check: () => void;
  readonly signal: AbortSignal;
}

/**
 * Brings a file as an upload in parts: nothing of it is visible before its end, and a cut costs one part. Each part is compared by the service
 * with its digest, and the whole here. What fails or is given up is abandoned at the service too; what a kill leaves there is not.
 */
export async function sendParts(upload: PartsUpload, body: Body, plan: PartPlan): Promise<boolean> {
  const {client, path, check, signal} = upload;
  const begun = await ask(client, {method: 'POST', path, query: {uploads: ''}, check, signal});
  const id = begun.kind === 'text' ? readElement(begun.text, 'UploadId') : '';
  try {
    const tags = await sendEach(upload, id, body, plan);
    const isNew = await complete(upload, id, tags);
    if (!isNew) await abandon(upload, id);
    return isNew;
  } catch (error) {
    await abandon(upload, id);
    throw error;
  }
}

async function sendEach({client, path, check, signal}: PartsUpload, id: string, body: Body, plan: PartPlan): Promise<readonly string[]> {
  const {file = '', digest, bytes} = body;
  const source = await open(file, 'r');
  const [tags, pending, whole] = [[] as string[], new Set<Promise<void>>(), createHash('sha256')];
  let failure: {readonly error: unknown} | undefined;
  try {
    for (let start = 0; start < bytes && failure === undefined; start += plan.partBytes) {
      while (pending.size >= plan.atOnce) await Promise.race(pending);
      const part = await readPart(source, start, Math.min(plan.partBytes, bytes - start));
      whole.update(part);
      const number = start / plan.partBytes + 1;
      const query = {partNumber: String(number), uploadId: id};
      const task: Promise<void> = client
        .send({method: 'PUT', path, query, body: bodyOf(part), check, signal})
        .then((reply) => {
          tags[number - 1] = readTagOf(reply);
        })
        .catch((error: unknown) => {
          failure ??= {error};
        })
        .finally(() => pending.delete(task));
      pending.add(task);
    }
    await Promise.all(pending);
  } finally {
    await Promise.all(pending);
    await source.close();
  }
  if (failure !== undefined) throw failure.error;
  if (whole.digest('hex') !== digest) throw refuseAltered(file);
  return tags;
}

async function readPart(source: FileHandle, start: number, bytes: number): Promise<Buffer> {
  const part = Buffer.allocUnsafe(bytes);
  const {bytesRead} = await source.read(part, 0, bytes, start);
  return part.subarray(0, bytesRead);
}

/** False when somebody else was first. */
async function complete(
  {client, path, onlyNew, isThere, check, signal}: PartsUpload,
  id: string,
  tags: readonly string[],
): Promise<boolean> {
  const parts = tags.map((tag, index) => `<Part><PartNumber>${index + 1}</PartNumber><ETag>${tag}</ETag></Part>`);
  const body = bodyOf(Buffer.from(`<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`));
  const post = {method: 'POST', path, query: {uploadId: id}, body, check, signal} as const;
  let reply = await ask(client, {...post, headers: onlyNew ? {'if-none-match': '*'} : {}}, [404, 409, 412, 501]);
  if (reply.kind === 'refused' && reply.status === 501) reply = await ask(client, post, [404, 409, 412]);
  if (reply.kind === 'refused') {
    if (reply.status === 412) return false;
    // Ended by an earlier try of ours whose reply was lost, or by somebody else who brought the same bytes.
    if (onlyNew && (await isThere())) return true;
    throw client.refuse(`<Code>${reply.code}</Code><Message>${reply.message}</Message>`);
  }
  if (/<Error[\s>]/.test(reply.text)) throw client.refuse(reply.text);
  return true;
}

/** Also after an interrupt, so with a deadline of its own. Failing that, the parts stay until somebody prunes. */
async function abandon({client, path}: PartsUpload, id: string): Promise<void> {
  const request = {method: 'DELETE', path, query: {uploadId: id}, signal: AbortSignal.timeout(abandonMs)} as const;
  const reply = await client.send(request, [404]).catch(() => undefined);
  if (reply?.kind === 'reply') reply.stream.resume();
}

type Answer = {readonly kind: 'text'; readonly text: string} | Extract<Reply, {kind: 'refused'}>;

/** An exchange whose reply is read to its end; one that is cut within its reply is asked again. */
async function ask(client: BucketClient, exchange: Exchange, expected: readonly number[] = []): Promise<Answer> {
  for (let cuts = 0; ; cuts += 1) {
    const reply = await client.send(exchange, expected);
    if (reply.kind === 'refused') return reply;
    try {
      const pieces = await reply.stream.toArray({signal: exchange.signal});
      return {kind: 'text', text: Buffer.concat(pieces).toString('utf8')};
    } catch (error) {
      exchange.signal.throwIfAborted();
      if (cuts === maxCuts || !isPassingError(error)) throw client.explain(error);
    }
  }
}

function readTagOf(reply: Reply): string {
  if (reply.kind === 'refused') return '';
  reply.stream.resume();
  return reply.stream.headers.etag ?? '';
}

function refuseAltered(file: string): DroverError {
  return new DroverError({
    code: 'integrity',
    message: 'the file is not what its digest says; nothing of it was kept in the bucket',
    file,
    fix: 'find what is damaged: drover snapshot verify',
  });
}
