import type {WarmSample} from './warm-fetch.js';

/** What one curl after the other of a lane said. */
interface LaneReading {
  /** Whether this host's curl tells why a transfer failed before the mark of the transfer; known from the first mark on. */
  reasonFirst?: boolean;
  headers: Record<string, string>;
  reason?: string;
  /** Of the transfer that was marked last. */
  number?: number;
}

const mark = /^drover (-|\d+) (\d{3}) ([\d.,]+)$/;

/**
 * The samples by place in `paths`, in that order. A path that nothing was said of failed, unless the deadline stopped a lane: then
 * it is left out, as if it had not been asked.
 */
export function readCurlReply(body: string, paths: readonly string[]): ReadonlyMap<number, WarmSample> {
  const lanes = new Map<string, LaneReading>();
  const samples = new Map<number, WarmSample>();
  let stopped = false;
  let complaint = 'curl gave no answer';
  for (const line of body.split('\n')) {
    const [name = '', ...fields] = line.split('\t');
    const lane: LaneReading = lanes.get(name) ?? {headers: {}};
    lanes.set(name, lane);
    for (const field of fields) {
      if (field === 'drover stopped') stopped = true;
      else if (field.startsWith('curl: (')) giveReason(field.slice('curl: '.length), lane, samples);
      else if (field.startsWith('curl: ')) complaint = field.slice('curl: '.length);
      else readField(field, {lane, samples, paths});
    }
  }
  return new Map(
    paths.flatMap((path, number): [number, WarmSample][] => {
      const sample = samples.get(number);
      if (sample !== undefined) return [[number, sample]];
      return stopped ? [] : [[number, {kind: 'failed', path, ms: 0, headers: {}, why: complaint}]];
    }),
  );
}

function giveReason(reason: string, lane: LaneReading, samples: Map<number, WarmSample>): void {
  if (lane.reasonFirst !== false) {
    lane.reason = reason;
    return;
  }
  const sample = lane.number === undefined ? undefined : samples.get(lane.number);
  if (lane.number === undefined || sample === undefined) return;
  const {path, ms, headers} = sample;
  samples.set(lane.number, {kind: 'failed', path, ms, headers, why: reason});
}

function readField(
  field: string,
  {lane, samples, paths}: {lane: LaneReading; samples: Map<number, WarmSample>; paths: readonly string[]},
): void {
  const marked = mark.exec(field);
  if (marked === null) {
    addHeader(field, lane.headers);
    return;
  }
  const [, number, code, seconds = '0'] = marked;
  const {headers, reason} = lane;
  lane.headers = {};
  delete lane.reason;
  delete lane.number;
  if (number === '-') {
    lane.reasonFirst ??= reason !== undefined;
    return;
  }
  const path = paths[Number(number)];
  if (path === undefined) return;
  const ms = Number(seconds.replace(',', '.')) * 1000;
  const status = Number(code);
  const whole = status !== 0 && reason === undefined;
  lane.number = Number(number);
  samples.set(
    lane.number,
    whole ? {kind: 'answered', path, ms, headers, status} : {kind: 'failed', path, ms, headers, why: reason ?? 'curl gave no answer'},
  );
}

function addHeader(field: string, headers: Record<string, string>): void {
  const [, name, value = ''] = /^([\w-]+):\s*(.*)$/.exec(field) ?? [];
  if (name === undefined) return;
  const key = name.toLowerCase();
  headers[key] = headers[key] === undefined ? value : `${headers[key]}, ${value}`;
}
