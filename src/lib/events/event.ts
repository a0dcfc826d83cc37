import type {ErrorCode} from '../errors/codes.js';
import type {PushRate} from '../inventory/app.js';

export type RunKind =
  | 'snapshot'
  | 'lease'
  | 'push'
  | 'warm'
  | 'deploy'
  | 'rollback'
  | 'resume'
  | 'health'
  | 'status'
  | 'run'
  | 'copy'
  | 'prune';

/** One thing done to one host, in the words of the runbook. */
export type Step =
  | 'connect'
  | 'read-state'
  | 'lease'
  | 'stage'
  | 'verify'
  | 'prepare'
  | 'drain'
  | 'arm'
  | 'switch'
  | 'restart'
  | 'health'
  | 'warm'
  | 'admit'
  | 'confirm'
  | 'revert'
  | 'release'
  | 'prune'
  | 'once'
  | 'copy'
  | 'command';

/**
 * How one host ended. `skipped`: never touched in this run (debt). `interrupted`: state unknown, read it again.
 * `failed`: it failed and is out of rotation or still on the old release. `reverted`: back on what it served before.
 */
export type HostOutcome = 'done' | 'unchanged' | 'reverted' | 'failed' | 'skipped' | 'interrupted';

export interface WavePlan {
  readonly name: string;
  readonly silo: string;
  readonly hosts: readonly string[];
  /** In a timed deploy: how long after its time this wave switches. Waves with the same offset switch together. */
  readonly offsetMs?: number;
}

/** Everything that happens in a run. Sinks and renderers see nothing else. */
export type Happening =
  /** First event of each run. `hosts` counts those selected. */
  | {
      readonly kind: 'run-started';
      readonly command: RunKind;
      readonly app?: string;
      readonly snapshot?: string;
      readonly operator: string;
      readonly hosts: number;
      readonly reason?: string;
    }
  /**
   * What will happen, before any host is changed. `boundMs` is the worst case; `instant` (ISO 8601, UTC) when the first wave of a timed deploy switches;
   * `snapshot` what all hosts are to serve, or parts of it.
   */
  | {
      readonly kind: 'planned';
      readonly digest: string;
      readonly waves: readonly WavePlan[];
      readonly boundMs: number;
      readonly instant?: string;
      readonly snapshot?: string;
      /** Set when the plan was reviewed as a file: whose it is, and who approved it. */
      readonly author?: string;
      readonly approvedBy?: readonly string[];
    }
  /** All hosts are prepared, and nothing happens until then (ISO 8601, UTC). */
  | {readonly kind: 'waiting'; readonly until: string}
  /**
   * Hosts that switched at one instant. `spreadMs`: from the first to the last of them; `lastAfterMs`: from the instant to the last; both by
   * the hosts' own journals, whose clocks are not further than `clockErrorMs` from the operator's.
   */
  | {
      readonly kind: 'switched-together';
      readonly instant: string;
      readonly hosts: number;
      readonly spreadMs: number;
      readonly lastAfterMs: number;
      readonly clockErrorMs: number;
    }
  /** `index` counts from 1. */
  | {readonly kind: 'wave-started'; readonly wave: string; readonly index: number; readonly of: number; readonly hosts: readonly string[]}
  /** The gate after a wave: soak and the floor. */
  | {readonly kind: 'wave-ended'; readonly wave: string; readonly outcome: 'passed' | 'failed'; readonly ms: number; readonly why?: string}
  | {readonly kind: 'step-started'; readonly host: string; readonly step: Step}
  | {
      readonly kind: 'step-ended';
      readonly host: string;
      readonly step: Step;
      readonly outcome: 'done' | 'unchanged' | 'failed' | 'interrupted';
      readonly ms: number;
      /** One line, foreign text unescaped. */
      readonly detail?: string;
    }
  /** The system's ssh carries the connection, as drover's own client cannot serve the host: a setting or a key. Not where the inventory says so. */
  | {readonly kind: 'link-chosen'; readonly host: string; readonly link: 'openssh'; readonly why: string}
  /** A try failed and another follows. */
  | {
      readonly kind: 'retrying';
      readonly host: string;
      readonly step: Step;
      readonly attempt: number;
      readonly of: number;
      readonly waitMs: number;
      readonly why: string;
    }
  /** So many hosts lack the snapshot, and get it now, within these limits (bytes per second). */
  | {readonly kind: 'staging-started'; readonly hosts: number; readonly rate?: PushRate}
  /**
   * Bytes of its delta that one host has so far, of all there are. The first one of a host says where its transfer begins: what a cut one had
   * brought counts. `relay` names the host that they come from when it is not this machine. At most two a second and host; the journal, NSQ and webhooks get the last one only (all bytes sent).
   */
  | {readonly kind: 'transfer'; readonly host: string; readonly sentBytes: number; readonly totalBytes: number; readonly relay?: string}
  /** A host has the delta and hands it on to up to so many others of its silo. */
  | {readonly kind: 'relay-started'; readonly host: string; readonly silo: string; readonly peers: number; readonly bytes: number}
  /** The delta that hosts on one base get. */
  | {
      readonly kind: 'delta-built';
      readonly base?: string;
      readonly snapshot: string;
      readonly files: number;
      readonly bytes: number;
      readonly hosts: number;
    }
  /** `release` is live there now; `snapshot` is what it is a part of, where content is shared out. */
  | {
      readonly kind: 'host-ended';
      readonly host: string;
      readonly outcome: HostOutcome;
      readonly release?: string;
      readonly snapshot?: string;
      readonly code?: ErrorCode;
      readonly why?: string;
    }
  | {
      readonly kind: 'warmed';
      readonly host: string;
      readonly urls: number;
      readonly failed: number;
      readonly coldP50Ms: number;
      readonly warmP50Ms: number;
      readonly hitRatio?: number;
    }
  /**
   * A once task has ended, or nobody can tell how (`unknown`). `output` is what it said, its beginning and its end, foreign text unescaped.
   */
  | {
      readonly kind: 'task-ended';
      readonly task: 'before' | 'after';
      readonly host: string;
      readonly outcome: 'done' | 'failed' | 'unknown';
      readonly output: string;
      readonly why?: string;
    }
  /** A once task waits until the world is ready for it; a later `resume` of the run sees to it. */
  | {readonly kind: 'task-held'; readonly task: 'before' | 'after'; readonly why: string}
  /** The run turned round: these hosts go back. */
  | {readonly kind: 'rolling-back'; readonly hosts: readonly string[]; readonly why: string}
  /** `unsafe` names the flag by which the operator left a safety out. */
  | {readonly kind: 'warning'; readonly message: string; readonly host?: string; readonly unsafe?: string}
  /** Last event of each run. `next` is the command to type when something is left to do. */
  | {
      readonly kind: 'run-ended';
      readonly outcome: 'converged' | 'rolled-back' | 'needs-attention' | 'refused' | 'interrupted';
      readonly exit: number;
      readonly ms: number;
      readonly next?: string;
    };

/** One record: a line of NDJSON. `seq` grows from 1 and orders events of a run; `at` (ISO 8601, UTC) is for people. */
export type DroverEvent = {readonly v: 1; readonly seq: number; readonly at: string; readonly run: string} & Happening;

/** Where operations put what happened. Returns when the event is safe to act upon (the journal is flushed). */
export type Emit = (happening: Happening) => Promise<void>;

/** One consumer of events: the journal, NDJSON, NSQ, a webhook, a renderer. Never fails a run; `close` flushes. */
export interface Sink {
  accept(event: DroverEvent): void | Promise<void>;
  close(): Promise<void>;
}
