import type {Readable} from 'node:stream';
import {type ClockEstimate, readClock} from './clock-estimate.js';
import type {Fence} from './fence.js';
import {type Hook, type HookResult, runHookOn} from './host-hook.js';
import {HostRelay} from './host-relay.js';
import {type HostState, parseHostState} from './host-state.js';
import type {LeaseRequest, PinOut} from './lease-request.js';
import type {Link} from './link.js';
import {runTaskOn, type TaskCall, type TaskState} from './once-task.js';
import {type Offer, partName, type StageRequest} from './stage-request.js';
import {type ArmedSwitch, armSwitch, type TimedMove} from './timed-switch.js';
import {callVerb, VerbError} from './verb-call.js';

/** One app on one host: the verbs, typed. Every method throws `VerbError`; all are safe to repeat. */
export class HostApp {
  constructor(
    readonly link: Link,
    readonly root: string,
    private readonly app: string,
    private readonly signal: AbortSignal,
  ) {}

  /** Handing a received part on to peers, and fetching one from a peer. */
  get relay(): HostRelay {
    return new HostRelay(this.link, this.root, this.signal);
  }

  async readState(): Promise<HostState> {
    return parseHostState(await this.call('read-state', {}));
  }

  /** The plan text that a run left here. */
  async readPlan(run: string): Promise<string> {
    return (await this.call('read-plan', {run})).trim();
  }

  /** Takes the lease; refuses when the host serves neither `from` nor `to`, and when a reviewed plan does not fit any more. Gives the new epoch. */
  async lease(request: LeaseRequest): Promise<number> {
    const {run, owner, reason, ttlSeconds, plan, from, to, review, allowPinned, unsafe} = request;
    const values = {
      ...{run, owner, reason, ttl: ttlSeconds, from: from ?? '', to, event: 'expect', detail: unsafe},
      ...(review === undefined ? {} : {token: review.nonce, expect: review.epoch}),
      ...(allowPinned === true ? {kind: 'allow-pinned'} : {}),
    };
    const body = await this.call('lease', values, plan);
    const epoch = /^epoch (\d+)$/m.exec(body)?.[1];
    if (epoch === undefined && this.link.kind !== 'printing') throw this.unexpected('lease', body);
    return Number(epoch ?? 0);
  }

  async renew(fence: Fence, ttlSeconds: number): Promise<void> {
    await this.call('renew', {...fence, ttl: ttlSeconds});
  }

  /** Ends somebody's lease, the one of this run and epoch alone; `takeover` also one that is alive. False when there was none any more. */
  async endLease(lease: {run: string; epoch: number; owner: string; reason: string; takeover: boolean}): Promise<boolean> {
    const {run, epoch, owner, reason, takeover} = lease;
    const values = {run, expect: epoch, owner, reason, kind: takeover ? 'takeover' : undefined};
    return /^ended$/m.test(await this.call('lease-end', values));
  }

  /** Pins a release out that this run did not bring here. */
  async pin(fence: Fence, release: string, {why, snapshot}: PinOut): Promise<void> {
    await this.call('pin', {...fence, to: release, detail: why, id: snapshot});
  }

  /** Gives the lease back; `ended` closes the run on this host as well. */
  async release(fence: Fence, ended: string | undefined): Promise<void> {
    await this.call('release', {...fence, kind: ended === undefined ? undefined : 'ended', detail: ended});
  }

  /** Closes a run on a host whose lease it does not hold; nothing of it is left to resume here. */
  async closeRun(run: string, outcome: string): Promise<void> {
    await this.call('release', {run, kind: 'ended', detail: outcome});
  }

  async note(fence: Fence, event: string, detail: string): Promise<void> {
    await this.call('note', {...fence, event, detail});
  }

  /** Remembers that a release here is a part of a snapshot. */
  async notePart(part: string, snapshot: string, run: string): Promise<void> {
    await this.call('note-part', {id: part, from: snapshot, run});
  }

  async stageOpen(request: StageRequest): Promise<Offer> {
    const {id, base, delta, unpackedBytes, files, run} = request;
    const values = {
      id,
      base,
      part: partName(request),
      bytes: delta.bytes,
      need: unpackedBytes,
      files,
      run: run?.id,
      kind: run?.endsHere ? 'push' : undefined,
    };
    const body = await this.call('stage-open', values, run?.plan ?? '');
    if (/^staged$/m.test(body)) return {kind: 'staged'};
    const part = /^part (\d+) ?([0-9a-f]*)$/m.exec(body);
    if (part === null && this.link.kind !== 'printing') throw this.unexpected('stage-open', body);
    return {kind: 'part', bytes: Number(part?.[1] ?? 0), digest: part?.[2] ?? ''};
  }

  /** Appends a piece of the delta at `offset`; gives how much of it the host has then. */
  async stagePut(request: StageRequest, offset: number, piece: Readable, timeouts: {idleMs: number; totalMs: number}): Promise<number> {
    const body = await callVerb(this.link, {
      verb: 'stage-put',
      values: {root: this.root, part: partName(request), offset},
      payload: piece,
      signal: this.signal,
      idleTimeoutMs: timeouts.idleMs,
      totalTimeoutMs: timeouts.totalMs,
    });
    return Number(/^size (\d+)$/m.exec(body)?.[1] ?? request.delta.bytes);
  }

  /**
   * As `stagePut`, but the host fetches by itself, with curl, what `config` says in curl's own words. The config holds a secret: it travels on
   * standard input. Fails `unfetched` when curl is missing or could not.
   */
  async stageFetch(request: StageRequest, offset: number, config: string, timeouts: {idleMs: number; totalMs: number}): Promise<number> {
    const body = await callVerb(this.link, {
      verb: 'stage-fetch',
      values: {root: this.root, part: partName(request), offset, bytes: request.delta.bytes},
      payload: config,
      signal: this.signal,
      idleTimeoutMs: timeouts.idleMs,
      totalTimeoutMs: timeouts.totalMs,
      maxReplyBytes: 64 * 1024 * 1024,
    });
    return Number(/^size (\d+)$/m.exec(body)?.[1] ?? request.delta.bytes);
  }

  /** Unpacks, verifies and renames into place. `links` are the app's links, path in the release -> path below the root. */
  async stageCommit(request: StageRequest, links: Readonly<Record<string, string>>): Promise<void> {
    const {id, base, delta, run} = request;
    const lines = Object.entries(links).map(([path, target]) => `${path}\t${target}\n`);
    await callVerb(this.link, {
      verb: 'stage-commit',
      values: {
        root: this.root,
        app: this.app,
        id,
        base,
        part: partName(request),
        digest: delta.digest,
        encoding: delta.encoding,
        archive: delta.archiveBytes,
        run: run?.id,
        kind: run?.endsHere ? 'push' : undefined,
        epoch: 0,
      },
      payload: lines.join(''),
      signal: this.signal,
      idleTimeoutMs: 15 * 60_000,
      totalTimeoutMs: 15 * 60_000,
    });
  }

  /** Takes a damaged release away; refuses the live one. */
  async discard(id: string): Promise<void> {
    await this.call('discard', {id, run: 'stage', epoch: 0});
  }

  async verify(id: string): Promise<void> {
    await callVerb(this.link, {
      verb: 'verify',
      values: {root: this.root, id},
      signal: this.signal,
      idleTimeoutMs: 15 * 60_000,
      totalTimeoutMs: 15 * 60_000,
    });
  }

  /** Moves `current`; `restarted` says that this run's restart hook has run here before. */
  async switchTo(
    fence: Fence,
    move: {from: string | undefined; to: string; confirmSeconds: number; restart: string},
  ): Promise<{unchanged: boolean; restarted: boolean}> {
    const {from, to, confirmSeconds, restart} = move;
    const body = await this.call('switch', {...fence, from: from ?? '', to, seconds: confirmSeconds}, restart);
    return {unchanged: /^unchanged$/m.test(body), restarted: /^restarted$/m.test(body)};
  }

  /** Leaves on the host all that a timed switch needs. */
  async prepareSwitch(fence: Fence, move: {from: string | undefined; to: string; restart: string}): Promise<void> {
    await this.call('prepare', {...fence, from: move.from ?? '', to: move.to}, move.restart);
  }

  /** Makes the host stand ready to move `current` at an instant of its own clock. */
  async armSwitch(fence: Fence, move: TimedMove, now: () => number): Promise<ArmedSwitch> {
    return armSwitch(this.link, {root: this.root, app: this.app, fence, move, now, signal: this.signal});
  }

  /** How far the host's clock is from ours; `now` is ours. */
  async readClock(now: () => number, boundMs: number): Promise<ClockEstimate> {
    return readClock(this.link, {now, boundMs, signal: this.signal});
  }

  /** The release is good here; a pin on it is lifted. With `left`, what was left for it is pinned out. */
  async confirm(fence: Fence, to: string, left?: PinOut & {readonly release: string}): Promise<void> {
    const pin = left === undefined ? {} : {from: left.release, detail: left.why, id: left.snapshot};
    await this.call('confirm', {...fence, to, ...pin});
  }

  /** Undoes this run's switch on this host. `live` is what it serves then; undefined when it serves nothing. With `left`, what it leaves is pinned out. */
  async revert(fence: Fence, left?: PinOut): Promise<{changed: boolean; live: string | undefined; from: string | undefined}> {
    const body = await this.call('revert', {...fence, detail: left?.why, id: left?.snapshot});
    const live = /^live (.+)$/m.exec(body)?.[1];
    return {changed: !/^unchanged$/m.test(body), live, from: /^from (.+)$/m.exec(body)?.[1]};
  }

  /** Removes old releases beyond `keep`; gives the ids that went. */
  async prune(keep: number, protect: readonly string[]): Promise<readonly string[]> {
    const body = await this.call('gc', {keep, protect: protect.join(' '), epoch: 0, run: 'prune'});
    return [...body.matchAll(/^removed (.+)$/gm)].map((match) => match[1] ?? '');
  }

  /**
   * Notes that the worker here is about to be paused, and the command that resumes it. The host runs that by itself when the lease is lost, once the
   * dead-man's switch has had `patienceSeconds`. A lease that is given back leaves the worker as it is, unless what it keeps paused is `isShared`.
   */
  async notePause(
    fence: Fence,
    resume: string,
    {patienceSeconds, isShared = false}: {readonly patienceSeconds: number; readonly isShared?: boolean},
  ): Promise<void> {
    await this.call('pause', {...fence, seconds: patienceSeconds, ...(isShared ? {kind: 'shared'} : {})}, resume);
  }

  /** The worker here is about to be resumed: from here on it keeps nothing paused that others share. */
  async notePauseEnding(fence: Fence): Promise<void> {
    await this.call('unpause', {...fence, kind: 'leaving'});
  }

  /** The worker here has been resumed. */
  async clearPause(fence: Fence): Promise<void> {
    await this.call('unpause', {...fence});
  }

  /** Runs an operator's command; with a fence only while the lease is ours, and `event` is journaled when it succeeded. */
  async runHook(hook: Hook): Promise<HookResult> {
    return runHookOn(this.link, {...hook, root: this.root, app: this.app, signal: this.signal});
  }

  /** As `runTaskOn`, for this app. */
  async runTask(fence: Fence, call: Omit<TaskCall, 'root' | 'app' | 'fence' | 'signal'>): Promise<TaskState> {
    return runTaskOn(this.link, {...call, root: this.root, app: this.app, fence, signal: this.signal});
  }

  private call(
    verb: Parameters<typeof callVerb>[1]['verb'],
    values: Record<string, string | number | undefined>,
    payload?: string,
  ): Promise<string> {
    return callVerb(this.link, {
      verb,
      values: {root: this.root, app: this.app, ...values},
      signal: this.signal,
      ...(payload === undefined ? {} : {payload}),
    });
  }

  private unexpected(verb: string, body: string): VerbError {
    const {name} = this.link.host;
    return new VerbError(
      {code: 'needs-attention', message: `${name}: ${verb} replied ${JSON.stringify(body.slice(0, 200))}`, host: name},
      'unexpected',
      body,
    );
  }
}
