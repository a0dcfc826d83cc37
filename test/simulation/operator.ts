import {DroverError} from '../../src/lib/errors/drover-error.js';
import type {ExecRequest, ExecResult, Link, LinkOpener} from '../../src/lib/host/link.js';
import type {Host} from '../../src/lib/inventory/host.js';
import type {Balancer, Rotation} from '../../src/lib/traffic/balancer.js';
import type {SeededRandom} from '../rollout/seeded-random.js';
import type {FleetState} from './fleet-state.js';
import type {Fault} from './schedule.js';
import type {SimHost} from './sim-host.js';
import type {Life, VirtualClock} from './virtual-clock.js';

/** Who looks at what an operator does. */
export interface OperatorWatcher {
  told(who: string, words: string): void;
  arrivedLate(what: string): void;
  /** The balancers were asked: what was seen. */
  looked(operator: Operator): void;
  /** This operator takes a host out. */
  drained(operator: Operator, host: SimHost): void;
  admitted(operator: Operator, host: SimHost): void;
}

const orphanMs = 100_000;
const freezeMs = 600_000;
const awayMs = 150_000;

/** One drover at work: its connections and what goes wrong with them. */
export class Operator {
  readonly life: Life = {alive: true, frozenUntilMs: 0};
  readonly interrupted = new AbortController();
  calls = 0;
  /** Writes that each of its calls made on a host's disk, in order; undefined of one to the balancers. */
  readonly writes: (number | undefined)[] = [];
  private readonly faults: ReadonlyMap<number, Fault>;

  constructor(
    readonly name: string,
    readonly run: string,
    faults: readonly Fault[],
    private readonly fleet: FleetState,
    private readonly clock: VirtualClock,
    private readonly random: SeededRandom,
    private readonly watcher: OperatorWatcher,
    /** Whether the app has balancers at all. */
    private readonly isDrained: boolean,
  ) {
    this.faults = new Map(faults.map((fault) => [fault.nth, fault]));
  }

  get links(): LinkOpener {
    return {
      open: async (host) => this.link(host),
      drop: async () => undefined,
      closeAll: async () => undefined,
    };
  }

  get balancer(): Balancer {
    const reach = <T>(what: string, shortestMs: number, action: () => T): Promise<T> =>
      this.call<T>(what, shortestMs, action, (fault) => {
        throw new DroverError({code: 'unreachable', message: `the balancer did not answer (${fault})`});
      });
    return {
      kind: this.isDrained ? 'haproxy' : 'none',
      preflight: () => reach('preflight', 5, () => []),
      read: (hosts) =>
        reach('look', 5, () => {
          this.watcher.looked(this);
          return hosts.map((host): Rotation => ({host, sessions: 0, state: this.stateOf(host)}));
        }),
      drain: (host) =>
        reach(`drain ${host.name}`, 800, () => {
          this.watcher.drained(this, this.fleet.host(host.name));
          return {cut: 0};
        }),
      admit: (host) =>
        reach(`admit ${host.name}`, 300, () => {
          const target = this.fleet.host(host.name);
          this.watcher.admitted(this, target);
          if (!target.isHealthy) throw new DroverError({code: 'unhealthy', message: `the balancers do not see ${host.name} come up`});
        }),
    };
  }

  private stateOf({name}: Host): Rotation['state'] {
    if (this.fleet.out.has(name)) return 'out';
    return this.fleet.host(name).isHealthy ? 'in' : 'down';
  }

  private link(host: Host): Link {
    return {
      host,
      kind: 'ssh',
      exec: (request) => this.exec(host, request),
      dial: () => Promise.reject(new Error('nothing to dial')),
      close: async () => undefined,
    };
  }

  private exec(target: Host, request: ExecRequest): Promise<ExecResult> {
    const host = this.fleet.host(target.name);
    const {nonce, values, payload} = readHeader(request.stdin);
    const verb = /^[a-z]+(-[a-z]+)*(?= |$)/.exec(request.label ?? '')?.[0] ?? '';
    const isProbe = values.root === undefined;
    const what = `${isProbe ? 'probe' : verb} ${host.name}`;
    const lost = (reason: string): ExecResult => result('', {kind: 'lost', reason});
    const action = (): ExecResult => {
      const reply = !host.isUp ? undefined : isProbe ? host.probe() : host.answer(verb, values, payload);
      if (reply === undefined) return lost('no answer');
      return result(`\ndrover ${nonce} begin\n${reply.lines.join('\n')}\n\ndrover ${nonce} end ${reply.status}\n`, {
        kind: 'exited',
        status: 0,
      });
    };
    return this.call(what, verb === 'hook' ? 1500 : 2, action, (fault) => lost(fault), host);
  }

  /**
   * A call: what it does takes hold at one moment, is heard of at a later one, and may go wrong on either way. `lost` is what the caller hears then.
   */
  private call<T>(what: string, shortestMs: number, action: () => T, lost: (fault: string) => T, host?: SimHost): Promise<T> {
    // What its code still does in the moment in which it is killed, a dead process does not.
    if (!this.life.alive) return new Promise<T>(() => undefined);
    const nth = ++this.calls;
    const fault = this.faults.get(nth);
    const kind = fault?.kind;
    this.watcher.told(this.name, `${what}${kind === undefined ? '' : `  (${kind})`}`);
    const {clock, random, life} = this;
    const thereMs = shortestMs + random.below(40);
    const backMs = thereMs + 1 + random.below(40);
    const never = new Promise<T>(() => undefined);
    const later = (ms: number): void => {
      clock.after(
        ms,
        () => {
          if (ms > 1000) this.watcher.arrivedLate(what);
          this.watcher.told(this.name, `${what}  (nobody waits for it)`);
          try {
            action();
          } catch {
            // Nobody listens.
          }
        },
        null,
        `${this.name}: ${nth} ${what}`,
      );
    };
    const hear = (ms: number, give: () => T): Promise<T> =>
      new Promise((resolve, reject) => {
        clock.after(
          ms,
          () => {
            try {
              resolve(give());
            } catch (error) {
              reject(error);
            }
          },
          life,
        );
      });
    switch (kind) {
      case 'kill-before':
        life.alive = false;
        return never;
      case 'kill-after':
        later(thereMs);
        life.alive = false;
        return never;
      case 'kill-late':
        // What balancers are told travels with no epoch, and does not outlive who told it for long.
        later(host === undefined ? thereMs : orphanMs);
        life.alive = false;
        return never;
      case 'late':
        later(host === undefined ? thereMs : orphanMs);
        return hear(1000, () => lost('lost on the way'));
      case 'lose-request':
        return hear(1000, () => lost('lost on the way'));
      case 'host-away':
        host?.goAway(awayMs);
        return hear(1000, () => lost('the host is away'));
      case 'interrupt':
        this.interrupted.abort();
        break;
      case 'power-cut':
      case 'disk-full':
        host?.disk.failAt(fault?.write ?? 1, kind);
        break;
      default:
    }
    // What happens on the way is told when it happens; what was said of it is heard later.
    let said: (() => T) | undefined;
    clock.after(
      thereMs,
      () => {
        const {version} = host?.disk ?? {};
        try {
          const value = action();
          said = () => value;
        } catch (error) {
          said = () => {
            throw error;
          };
        }
        if (kind === 'power-cut' || kind === 'disk-full') host?.disk.mend();
        if (kind === 'freeze') life.frozenUntilMs = clock.nowMs + freezeMs;
        this.writes[nth - 1] = host === undefined || version === undefined ? undefined : host.disk.version - version;
      },
      null,
      `${this.name}: ${nth} ${what} ${kind ?? ''}`,
    );
    return hear(backMs, () => (kind === 'lose-reply' || said === undefined ? lost('the reply was lost') : said()));
  }
}

function result(text: string, exit: ExecResult['exit']): ExecResult {
  return {exit, stdout: Buffer.from(text), stderr: Buffer.alloc(0), truncated: false};
}

/** The header of `verbs/prelude.sh`: a nonce, values, an empty line; what follows is the payload. */
function readHeader(stdin: ExecRequest['stdin']): {nonce: string; values: Record<string, string>; payload: string} {
  if (!Buffer.isBuffer(stdin)) throw new Error('the simulated host reads no streams');
  const text = stdin.toString('utf8');
  const end = text.indexOf('\n\n');
  const [nonce = '', ...lines] = text.slice(0, end).split('\n');
  const values = Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
  return {nonce, values, payload: text.slice(end + 2)};
}
