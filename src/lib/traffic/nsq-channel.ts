import {DroverError} from '../errors/drover-error.js';
import {printable} from '../errors/printable.js';
import type {Link} from '../host/link.js';
import type {Intake} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import type {Place, Sight} from './everywhere.js';
import {exchangeHttp, type HttpAnswer, HttpFailure} from './http-exchange.js';

export interface ChannelSearch {
  /** To a worker: nsqd is asked as the worker itself would reach it. */
  readonly link: Link;
  readonly intake: Extract<Intake, {kind: 'nsq'}>;
  readonly signal: AbortSignal;
}

/** A channel at one nsqd. */
export interface ChannelPlace extends Place {
  readonly origin: string;
  /** The machine whose loopback the nsqd listens on: only workers there share the place. Undefined where it is reached over the network. */
  readonly machine?: string;
}

/** A channel at every nsqd that has it. */
export interface Channel {
  readonly places: readonly ChannelPlace[];
  /** Shell text that unpauses it from the worker, with the curl or wget that is there. */
  readonly resume: string;
  /** What could not be asked and need not be: other nsqlookupd. */
  readonly silent: readonly string[];
}

const timeoutMs = 10_000;
const maxBodyBytes = 4 * 1024 * 1024;

/**
 * Finds every nsqd that has the channel: those that are named, and those that any nsqlookupd knows for the topic. One without the channel delivers
 * to nobody yet and is left out. Throws `refused` when none has it or an answer is no good, `unreachable` when an nsqd, or every nsqlookupd, is silent.
 */
export async function findChannel(search: ChannelSearch): Promise<Channel> {
  const {link, intake} = search;
  const {topic, channel} = intake;
  const {found, silent} = await lookUp(search);
  const origins = [...new Set([...intake.nsqd, ...found])].sort();
  const looked = await Promise.all(origins.map(async (origin) => ({origin, seen: await readChannel(search, origin)})));
  const holders = looked.filter(({seen}) => seen !== undefined).map(({origin}) => origin);
  if (holders.length === 0) {
    const host = link.host.name;
    const asked = origins.length === 0 ? 'nsqlookupd knows no nsqd' : `asked: ${origins.join(', ')}`;
    const message = `${host}: no nsqd has channel "${channel}" of topic "${topic}" (${asked})`;
    throw new DroverError({code: 'refused', host, message, fix: 'correct nsq in endings, or start a worker first'});
  }
  return {places: holders.map((origin) => makePlace(search, origin)), resume: writeResume(intake, holders), silent};
}

/**
 * Every nsqd that may have the channel, for opening it: those that are named, those that any nsqlookupd knows, and `known`. None is asked, so that one
 * that is silent keeps nobody from the others, and nothing throws but what an nsqlookupd says that no nsqlookupd would.
 */
export async function reachChannel(search: ChannelSearch, known: readonly string[]): Promise<readonly ChannelPlace[]> {
  const {found} = await lookUp(search).catch((error: unknown) => {
    if (error instanceof DroverError && error.code === 'unreachable') return {found: []};
    throw error;
  });
  return [...new Set([...search.intake.nsqd, ...found, ...known])].sort().map((origin) => makePlace(search, origin));
}

/** The channel at one nsqd, as the host of the link reaches it. */
export function makePlace(search: ChannelSearch, origin: string): ChannelPlace {
  return {
    ...namePlace(search.link.host, search.intake, origin),
    look: async (signal) => judge(await readChannel({...search, signal}, origin)),
    takeOut: async (signal) => {
      await order({...search, signal}, origin, 'pause');
    },
    putBack: async (signal) => {
      await order({...search, signal}, origin, 'unpause');
    },
  };
}

/** What an nsqd is to a host: two hosts that mean the same one by an address name the same place. */
export function namePlace(
  host: Host,
  {topic, channel}: {readonly topic: string; readonly channel: string},
  origin: string,
): Pick<ChannelPlace, 'name' | 'origin' | 'machine'> {
  const name = `channel ${topic}/${channel} at nsqd ${origin}`;
  const machine = nameMachine(host);
  return isLoopback(origin) ? {name: `${name} of ${machine}`, origin, machine} : {name, origin};
}

/** Hosts that are this machine share its loopback. */
export function nameMachine({name, ssh}: Host): string {
  return ssh.link === 'local' ? 'this machine' : name;
}

function isLoopback(origin: string): boolean {
  return /^(localhost|127\.[0-9.]+|\[::1\])$/.test(new URL(origin).hostname);
}

interface ChannelStats {
  readonly paused: boolean;
  readonly inFlight: number;
}

/** A channel that is gone, as one of `#ephemeral` is with its last client, has nothing to deliver. */
function judge(seen: ChannelStats | undefined): Sight {
  if (seen === undefined) return {order: 'out', isServing: false, others: 1, sessions: 0, isOver: true};
  const {paused, inFlight} = seen;
  return {order: paused ? 'out' : 'in', isServing: !paused, others: 1, sessions: inFlight, isOver: false};
}

async function readChannel(search: ChannelSearch, origin: string): Promise<ChannelStats | undefined> {
  const {topic, channel} = search.intake;
  const path = `/stats?format=json&${nameChannel(search.intake)}&include_clients=false&include_mem=false`;
  const answer = await ask(search, origin, path);
  const {topics} = readObject(search, origin, answer);
  if (!Array.isArray(topics)) throw misread(search, origin, 'stats without topics');
  const ofTopic = (topics as Record<string, unknown>[]).find((each) => each.topic_name === topic)?.channels;
  const found = Array.isArray(ofTopic) ? (ofTopic as Record<string, unknown>[]).find((each) => each.channel_name === channel) : undefined;
  if (found === undefined) return undefined;
  if (typeof found.paused !== 'boolean' || typeof found.in_flight_count !== 'number')
    throw misread(search, origin, 'stats of another kind');
  return {paused: found.paused, inFlight: found.in_flight_count};
}

async function order(search: ChannelSearch, origin: string, word: 'pause' | 'unpause'): Promise<void> {
  const answer = await ask(search, origin, `/channel/${word}?${nameChannel(search.intake)}`, 'POST');
  if (answer.status === 200 || (answer.status === 404 && word === 'unpause')) return;
  throw misread(search, origin, `${word} of the channel answered ${describeAnswer(answer)}`);
}

/** Who has the topic. Instances of nsqlookupd share nothing, so that all are asked; one that answers is enough. */
async function lookUp(search: ChannelSearch): Promise<{found: readonly string[]; silent: readonly string[]}> {
  const {intake} = search;
  const silent: string[] = [];
  const failures: DroverError[] = [];
  const found: string[] = [];
  for (const origin of intake.lookupd) {
    try {
      const answer = await ask(search, origin, `/lookup?topic=${encodeURIComponent(intake.topic)}`);
      if (answer.status === 404) continue;
      const {producers} = readObject(search, origin, answer);
      if (!Array.isArray(producers)) throw misread(search, origin, 'a lookup without producers');
      for (const producer of producers as Record<string, unknown>[]) found.push(readProducer(search, origin, producer));
    } catch (error) {
      if (!(error instanceof DroverError) || error.code !== 'unreachable') throw error;
      silent.push(error.message);
      failures.push(error);
    }
  }
  const [first] = failures;
  if (first !== undefined && failures.length === intake.lookupd.length) throw first;
  return {found, silent};
}

/** What a producer calls itself becomes part of a shell text: nothing but a host and a port may be in it. */
function readProducer(
  search: ChannelSearch,
  origin: string,
  {broadcast_address: address, http_port: port}: Record<string, unknown>,
): string {
  const isHost = typeof address === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$|^[0-9A-Fa-f:]{2,45}$/.test(address);
  if (!isHost || typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65_535)
    throw misread(search, origin, `a producer at ${JSON.stringify(address)}, port ${JSON.stringify(port)}`);
  return `http://${address.includes(':') ? `[${address}]` : address}:${port}`;
}

async function ask({link, signal}: ChannelSearch, origin: string, path: string, method: 'GET' | 'POST' = 'GET'): Promise<HttpAnswer> {
  const {hostname, port} = new URL(origin);
  const address = hostname.replace(/^\[|\]$/g, '');
  const headers = {accept: 'application/vnd.nsq; version=1.0', ...(method === 'POST' ? {'content-length': '0'} : {})};
  try {
    return await exchangeHttp({link, address, port: Number(port || 80), method, path, headers, timeoutMs, maxBodyBytes, signal});
  } catch (error) {
    if (!(error instanceof HttpFailure)) throw error;
    const host = link.host.name;
    throw new DroverError({
      code: 'unreachable',
      host,
      message: `${host}: ${origin} gives no answer: ${printable(error.message)}`,
      fix: `try it on ${host}: curl ${origin}/ping`,
    });
  }
}

/** The object in an answer; servers before 1.0 wrapped it. */
function readObject(search: ChannelSearch, origin: string, answer: HttpAnswer): Record<string, unknown> {
  if (answer.status !== 200) throw misread(search, origin, describeAnswer(answer));
  try {
    const value: unknown = JSON.parse(answer.body.toString('utf8'));
    if (value !== null && typeof value === 'object') {
      const {data} = value as Record<string, unknown>;
      return (data !== null && typeof data === 'object' ? data : value) as Record<string, unknown>;
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw misread(search, origin, 'something that is no JSON object');
}

function describeAnswer({status, reason, body}: HttpAnswer): string {
  const words = /"message":\s*"([A-Z_]{1,60})"/.exec(body.toString('utf8', 0, 1000))?.[1] ?? reason;
  return printable(`${status} ${words}`.trim());
}

function misread({link}: ChannelSearch, origin: string, what: string): DroverError {
  const host = link.host.name;
  return new DroverError({
    code: 'refused',
    host,
    message: `${host}: ${origin}: ${printable(what)}`,
    fix: 'is that the HTTP address of nsqd or nsqlookupd?',
  });
}

function nameChannel({topic, channel}: {readonly topic: string; readonly channel: string}): string {
  return `topic=${encodeURIComponent(topic)}&channel=${encodeURIComponent(channel)}`;
}

/** Shell text that opens the channel at these nsqd. Addresses and names have been held to a grammar without a quote. */
export function writeResume(intake: ChannelSearch['intake'], origins: readonly string[]): string {
  return `status=0
for origin in ${origins.map((origin) => `'${origin}'`).join(' ')}; do
  url="$origin/channel/unpause?${nameChannel(intake)}"
  curl -fsS -g -m 10 -X POST -o /dev/null "$url" || wget -q -T 10 -O /dev/null --post-data= "$url" || status=1
done
exit $status
`;
}
