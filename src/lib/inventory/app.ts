import type {AppName, RoleName} from './host.js';

/** A count of hosts, or a share of a silo's hosts. */
export type Quota = {readonly kind: 'count'; readonly count: number} | {readonly kind: 'percent'; readonly percent: number};

/** One app of drover.yml, parsed: paths absolute, durations in milliseconds, defaults filled in. */
export interface App {
  readonly name: AppName;
  readonly source: AppSource;
  /** Patterns of paths to leave out, gitignore grammar, in order. */
  readonly ignore: readonly string[];
  /** Most files of a snapshot, where it differs from what snapshots allow. */
  readonly maxFiles?: number;
  /** Root on the host: absolute, or `~/…` below the login directory. */
  readonly root: string;
  /** Selection expression: which hosts carry this app. */
  readonly hosts: string;
  /** Path inside a release -> path below the root it is linked to (`uploads: shared/uploads`). */
  readonly link: Readonly<Record<string, string>>;
  /** Shell command run on the host after `current` moved, in the release directory. */
  readonly restart?: string;
  /** Shell commands run on one host, once per run: before the first host switches, and after the last has. */
  readonly once?: OnceSettings;
  readonly roll: Roll;
  /** Who has to have approved what a deploy does; nobody where nothing is said. */
  readonly review?: ReviewPolicy;
  /** How deltas travel; straight to every host, as fast as they go, where nothing is said. */
  readonly push?: PushSettings;
  /** Who holds which paths; every host holds all of them where nothing is said. */
  readonly partitions?: Partitions;
  readonly drain?: Drain;
  /** How hosts of a role end their work, where it differs from `drain`; the first role here that a host has counts. */
  readonly endings?: readonly Ending[];
  readonly warm?: WarmSettings;
  readonly health: readonly Probe[];
}

/** What must have been looked at by others before it is carried out. */
export interface ReviewPolicy {
  /** Absolute path of the file that says whose key is whose. */
  readonly allowedSigners?: string;
  /** Different people who must have approved a plan; 0: none. */
  readonly approvals: number;
  readonly authorMayApprove: boolean;
  /** One of them must be among those who approved, where there are any. */
  readonly owners: readonly string[];
  /** A deploy without approvals is possible, with a reason. */
  readonly emergency: boolean;
}

/** Tasks that run once per run. `after` waits until every host of the app has converged. */
export interface OnceSettings {
  readonly before?: string;
  readonly after?: string;
  /** A task that has not ended by then is ended, and has failed. */
  readonly deadlineMs: number;
}

/** What an app's snapshots are made of. */
export interface AppSource {
  /** At least one; several become one tree. */
  readonly parts: readonly SourcePart[];
  /** What happens to a path that two parts have. */
  readonly onConflict: 'error' | 'first' | 'last';
}

/** One source of a tree; paths absolute. `name` is what the operator calls it, `at` where its tree begins in the snapshot. */
export type SourcePart = {readonly name: string; readonly at?: string} & (
  | {readonly kind: 'directory'; readonly path: string}
  | {readonly kind: 'git'; readonly repository: string; readonly revision: string; readonly path?: string}
  | {
      readonly kind: 'run';
      readonly command: string;
      readonly folder: string;
      readonly out: {readonly kind: 'given'} | {readonly kind: 'folder'; readonly path: string} | {readonly kind: 'tar'};
      readonly deadlineMs: number;
    }
  | {readonly kind: 'tar'; readonly file: string}
);

/** How a delta reaches hosts. */
export interface PushSettings {
  /** Straight to every host; once per silo, to one host that hands it on to the others; or once into the bucket, from where hosts fetch it. */
  readonly via: 'direct' | 'relay' | 'store';
  /** Where a relay listens for its peers; any free port where nothing is said. */
  readonly relayPort?: number;
  readonly rate?: PushRate;
  /** How often a transfer that was cut is continued within the run; 4 where nothing is said. */
  readonly retries?: number;
}

/** Most bytes per second to one host, to the hosts of one silo, and in all; no limit where nothing is said. */
export interface PushRate {
  readonly host?: number | undefined;
  readonly silo?: number | undefined;
  readonly run?: number | undefined;
}

/**
 * How content is shared out. `path`: the first rule that matches a path says who holds it, all of its hosts or `copies` of them. `hash`: paths
 * with the same first `depth` components stay together; each of `count` partitions is held by `copies` hosts of every silo, or of all.
 */
export type Partitions =
  | {readonly kind: 'path'; readonly rules: readonly PartitionRule[]; readonly copies?: number}
  | {readonly kind: 'hash'; readonly count: number; readonly copies: number; readonly depth: number; readonly within: 'silo' | 'all'};

export interface PartitionRule {
  /** Patterns of paths from the root of the tree. */
  readonly paths: readonly string[];
  /** Selection expression within the app's hosts; undefined: these paths go nowhere. */
  readonly hosts?: string;
}

export interface Roll {
  readonly by: 'silo';
  /** Rising, ends at 100 %. First entry is the canary. Applied within each silo, one silo after another. */
  readonly waves: readonly Quota[];
  /** Roles that move one after another, on the way back in reverse; hosts of none of them move last. */
  readonly order?: readonly RoleName[];
  /** Hosts per silo that must stay healthy and in rotation. */
  readonly floor: Quota;
  /** Hosts a run may skip or lose before it stops. */
  readonly budget: number;
  readonly soakMs: number;
  /** How long a switched host waits for confirmation before it reverts itself. 0 turns the dead-man's switch off. */
  readonly confirmMs: number;
  /** Releases kept per host, at least 2. */
  readonly keep: number;
}

/** How hosts of a role end their work: what is not said is as in `drain`, and with `work` the balancers of `drain` do not know them. */
export interface Ending {
  readonly role: RoleName;
  readonly waitMs?: number;
  readonly then?: Drain['then'];
  readonly work?: WorkEnding;
}

/** How workers stop to take work up, and end what is in flight. */
export interface WorkEnding {
  readonly intake: Intake;
  /** How long what is in flight may take. */
  readonly waitMs: number;
  /** What happens then: wait on until `longestMs`, go on with work in flight, or resume the worker and give the host up. */
  readonly then: 'wait' | 'go' | 'abort';
  /** With `wait`: how long in all, before the host is given up. */
  readonly longestMs?: number;
}

/** Where a worker's work comes from. */
export type Intake =
  /** Shell commands on the host, in the live release. `until` ends with 0 when nothing is in flight. `pause` and `resume` can be repeated. */
  | {readonly kind: 'hooks'; readonly pause: string; readonly until: string; readonly resume: string}
  /** A channel of NSQ. Addresses are `http://host:port` as the worker reaches them; `lookupd` are asked who has the topic. */
  | {
      readonly kind: 'nsq';
      readonly topic: string;
      readonly channel: string;
      readonly nsqd: readonly string[];
      readonly lookupd: readonly string[];
    };

export type Drain = {
  /** How long to wait for sessions to end. */
  readonly waitMs: number;
  /** What happens to sessions that are left then: wait on until `longestMs`, close them, or give the host up. */
  readonly then: 'wait' | 'close' | 'abort';
  /** With `wait`: how long in all, before the host is given up. */
  readonly longestMs?: number;
} & (
  | {
      readonly kind: 'haproxy';
      /** Path of the admin socket on the balancer hosts. */
      readonly socket: string;
      /** Path of the master's socket there: the only one that shows what workers before a reload still carry. */
      readonly master?: string;
      /** At least one. A host leaves all of them that have it. */
      readonly backends: readonly string[];
      /** Selection expression of the balancer hosts. */
      readonly on: string;
      /** Host name -> server name in the backends, where they differ. */
      readonly servers: Readonly<Record<string, string>>;
      readonly ramp?: Ramp;
      /** Sessions left are closed a few at a time over this long, so that their clients do not come back all at once. */
      readonly closeOverMs?: number;
    }
  | {
      readonly kind: 'nginx';
      readonly upstream: string;
      /** The file on the balancer hosts that holds the upstream's `server` lines, absolute. */
      readonly file: string;
      /** Where nginx keeps the number of its master process. */
      readonly pid: string;
      /** Shell command that proves the configuration before it is loaded. */
      readonly test: string;
      /** Shell command that loads it. */
      readonly reload: string;
      readonly on: string;
      /** Host name -> `address:port` in the file, where they differ. */
      readonly servers: Readonly<Record<string, string>>;
    }
  | {
      readonly kind: 'varnish';
      /** Shell command that takes the words of an order: `sudo varnishadm -n shop`. */
      readonly admin: string;
      /** Shell command that takes options of varnishstat. */
      readonly stat: string;
      readonly on: string;
      /** Host name -> backend in VCL, where they differ. */
      readonly backends: Readonly<Record<string, string>>;
    }
  | {
      readonly kind: 'file';
      /** Readiness file on the web host itself: present = in rotation. Absolute, or relative to the app's root. */
      readonly path: string;
      /** Time the balancer needs to notice (checks × interval). */
      readonly settleMs: number;
    }
  | {
      readonly kind: 'exec';
      /** Shell commands run on the web host, or on `on` hosts; the host is in $DROVER_HOST. */
      readonly drain: string;
      readonly admit: string;
      /** Prints the number of open sessions; optional. */
      readonly sessions?: string;
      readonly on?: string;
    }
);

/** How an admitted host gets its full share of traffic back. */
export interface Ramp {
  /** Percent of the configured weight, rising, ending at 100. */
  readonly steps: readonly number[];
  /** Between two steps. */
  readonly waitMs: number;
}

export interface WarmSettings {
  /** A sitemap by its path on the host (`/sitemap.xml`), or a file of paths on the operator's machine, absolute. */
  readonly from: {readonly kind: 'sitemap'; readonly url: string} | {readonly kind: 'file'; readonly path: string};
  /** `clone`: every host is warmed with every path. `spread`: the paths are shared out among the hosts. */
  readonly mode: 'clone' | 'spread';
  /** The port of the cache or web server on the host itself. */
  readonly port: number;
  /** Public Host header. */
  readonly hostHeader?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly ratePerSecond: number;
  readonly concurrency: number;
  readonly until?: {readonly kind: 'hit'; readonly ratio: number} | {readonly kind: 'converged'; readonly ratio: number};
  readonly deadlineMs: number;
}

/** One health check of a host. All of a host's probes must pass `rise` times in a row. */
export type Probe = {readonly timeoutMs: number; readonly intervalMs: number; readonly rise: number; readonly deadlineMs: number} & (
  | {
      readonly kind: 'http';
      readonly path: string;
      readonly port: number;
      readonly hostHeader?: string;
      readonly status: number;
      /** Response header that carries the release id the process serves. */
      readonly version?: string;
    }
  | {readonly kind: 'tcp'; readonly port: number}
  | {readonly kind: 'run'; readonly command: string}
  | {readonly kind: 'disk'; readonly freeBytes: number}
);

export type EventSink =
  | {readonly kind: 'nsq'; readonly url: string; readonly topic: string}
  | {readonly kind: 'webhook'; readonly url: string};

/** A bucket of an S3 service. Credentials are never part of it. */
export interface BucketPlace {
  readonly bucket: string;
  /** What the keys begin with, without a slash at either end; may be empty. */
  readonly prefix: string;
  /** Without a slash at the end; the environment's, or Amazon's, when it is not said. */
  readonly endpoint?: string;
  readonly region?: string;
  /** Which profile of the credentials file. */
  readonly profile?: string;
  /** Absolute path of the store directory on this machine that snapshots pass through. */
  readonly cache: string;
}

/** drover.yml, parsed. */
export interface Project {
  readonly file: string;
  /** Absolute path of the inventory file or program. */
  readonly inventory: string;
  readonly apps: ReadonlyMap<AppName, App>;
  /** Absolute path of the store directory, or the bucket that a team shares. */
  readonly store: string | BucketPlace;
  readonly events: readonly EventSink[];
}
