import type {Readable} from 'node:stream';
import type {TarLimits} from './tar-problem.js';

/** Where a tree comes from. Paths are absolute unless said otherwise. */
export type TreeSource = {
  /** What the operator calls it. */
  readonly name: string;
  /** Where its tree begins in the snapshot; relative, undefined for the top. */
  readonly at?: string;
} & (
  | {readonly kind: 'directory'; readonly path: string}
  /** A revision of a git repository as `git archive` gives it; `path` below its top. */
  | {readonly kind: 'git'; readonly repository: string; readonly revision: string; readonly path?: string}
  /** A shell command that makes the tree; `out` tells where it puts it. */
  | {readonly kind: 'run'; readonly command: string; readonly folder: string; readonly out: CommandOutput; readonly deadlineMs: number}
  | {readonly kind: 'tar'; readonly file: string}
  | {readonly kind: 'stream'; readonly stream: Readable}
);

/** Into the empty folder that `$DROVER_OUT` names, into a folder of its own, or as a tar on standard output. */
export type CommandOutput = {readonly kind: 'given'} | {readonly kind: 'folder'; readonly path: string} | {readonly kind: 'tar'};

/** What is recorded of a source beside a snapshot. */
export interface RecordedSource {
  readonly name: string;
  readonly at?: string;
  /** The git commit that the revision named. */
  readonly commit?: string;
}

/** A source that lies in a directory now. */
export interface OpenedSource {
  readonly root: string;
  /** Names the source from one snapshot to the next where `root` does not. */
  readonly key?: string;
  readonly commit?: string;
  readonly warnings: readonly string[];
}

/** What opening a source needs. */
export interface SourceContext {
  /** An empty, private directory for what has to be brought there. */
  readonly work: () => Promise<string>;
  readonly env: NodeJS.ProcessEnv;
  readonly limits: TarLimits;
  /** Hears what programs say, a line at a time, not escaped yet. */
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}
