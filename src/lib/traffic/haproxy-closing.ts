import type {HaproxyBackend, PlacedSession} from './haproxy-backend.js';
import type {SeatWatch} from './haproxy-watch.js';
import type {Pause} from './pause.js';

export interface Closing {
  readonly watch: SeatWatch;
  /** 0: all at once. */
  readonly overMs: number;
  readonly sleep: Pause;
  readonly now: () => number;
  readonly signal: AbortSignal;
}

const longestSliceMs = 1_000;
const shortestSliceMs = 200;

/** Closes what a host that is in maintenance everywhere still carries; gives how many sessions that were. */
export async function closeSessions(closing: Closing): Promise<number> {
  const closed = closing.overMs === 0 ? 0 : await closeInSlices(closing);
  let rest = 0;
  for (const {at, server} of closing.watch.seats) {
    const open =
      closing.overMs === 0
        ? server.sessions + server.queued + server.lingering
        : (await at.listSessions(server.name, closing.signal)).length;
    if (open === 0) continue;
    rest += open;
    await at.cutSessions(server.name, closing.signal);
  }
  return closed + rest;
}

/**
 * The oldest first, so many at a time that all are closed when the time is out, by what is open then: those that end by themselves leave
 * the others more time. Clients that come back find the other hosts, and find them one slice after the other.
 */
async function closeInSlices({watch, overMs, sleep, now, signal}: Closing): Promise<number> {
  const endsAt = now() + overMs;
  const startedWith = (await listAll(watch, signal)).length;
  if (startedWith === 0) return 0;
  const sliceMs = Math.max(shortestSliceMs, Math.min(longestSliceMs, overMs / startedWith));
  let closed = 0;
  while (true) {
    const open = await listAll(watch, signal);
    if (open.length === 0) return closed;
    const slicesLeft = Math.max(1, Math.ceil((endsAt - now()) / sliceMs));
    for (const {at, session} of open.slice(0, Math.ceil(open.length / slicesLeft))) {
      await at.cutSession(session, signal);
      closed += 1;
    }
    if (slicesLeft === 1) return closed;
    await sleep(sliceMs, signal);
    await watch.look('maint');
  }
}

async function listAll(watch: SeatWatch, signal: AbortSignal): Promise<readonly {at: HaproxyBackend; session: PlacedSession}[]> {
  const lists = await Promise.all(
    watch.seats.map(async ({at, server}) => (await at.listSessions(server.name, signal)).map((session) => ({at, session}))),
  );
  return lists.flat().sort((one, other) => other.session.ageS - one.session.ageS);
}
