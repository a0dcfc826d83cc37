import type {Disk} from './disk.js';

export interface LeaseFile {
  readonly run: string;
  readonly epoch: number;
  readonly owner: string;
  readonly reason: string;
  readonly boot: string;
  readonly until: number;
  readonly since: string;
  readonly beat: number;
}

export interface Line {
  readonly run: string;
  readonly event: string;
  readonly detail: string;
}

/** What `verbs/prelude.sh` reads and writes below an app's root. */
export class HostFiles {
  private lastLease: {readonly text: string; readonly file: LeaseFile} | undefined;
  private parsed: {readonly text: string; readonly lines: readonly Line[]} | undefined;

  constructor(readonly disk: Disk) {}

  get live(): string {
    return this.disk.read('current') ?? '';
  }

  get epoch(): number {
    return Number(this.disk.read('epoch') ?? 0);
  }

  isStaged(id: string): boolean {
    return this.disk.read(`releases/${id}`) !== undefined;
  }

  /** A file that a cut has emptied is no lease. */
  readLease(): LeaseFile | undefined {
    const text = this.disk.read('lease');
    if (text === undefined || text === '') return undefined;
    if (this.lastLease?.text !== text) this.lastLease = {text, file: JSON.parse(text) as LeaseFile};
    return this.lastLease.file;
  }

  writeLease(lease: LeaseFile): void {
    this.disk.write('lease', JSON.stringify(lease));
  }

  readDecision(run: string): string {
    return this.disk.read(`runs/${run}/decision`) ?? '';
  }

  decide(run: string, word: string): void {
    this.disk.write(`runs/${run}/decision`, word, true);
  }

  record(at: string, epoch: number | string, run: string, event: string, detail = ''): void {
    const journal = this.disk.read('journal') ?? '';
    if (journal !== '' && !journal.endsWith('\n')) this.disk.append('journal', '\n');
    this.disk.append('journal', `${at} ${epoch} ${run} ${event} ${detail}\n`);
  }

  /** Lines that were parsed once are not parsed again while the file only grows. */
  journal(): readonly Line[] {
    const text = this.disk.read('journal') ?? '';
    const {parsed} = this;
    if (parsed?.text === text) return parsed.lines;
    const isLonger = parsed?.text.endsWith('\n') === true && text.startsWith(parsed.text);
    const lines = isLonger ? [...parsed.lines, ...parseJournal(text.slice(parsed.text.length))] : parseJournal(text);
    this.parsed = {text, lines};
    return lines;
  }

  /** As a power cut that took everything since the last flush would leave it. */
  durableJournal(): readonly Line[] {
    return parseJournal(this.disk.readDurable('journal') ?? '');
  }

  lastDetail(run: string, event: string): string | undefined {
    return this.journal().findLast((line) => line.run === run && line.event === event)?.detail;
  }

  writePin(
    release: string,
    {run, owner, why, snapshot, at}: {run: string; owner: string; why: string; snapshot: string; at: string},
  ): void {
    if (this.disk.read(`pins/${release}`) !== undefined) return;
    this.disk.write(`pins/${release}`, `${at} ${run} ${snapshot === '' ? '-' : snapshot}\t${owner}\t${why}`, true);
  }

  openRuns(): readonly string[] {
    return this.disk
      .list('runs/')
      .filter((run) => this.disk.read(`runs/${run}/plan`) !== undefined && this.disk.read(`runs/${run}/ended`) === undefined);
  }
}

function parseJournal(text: string): readonly Line[] {
  return text.split('\n').flatMap((line): Line[] => {
    const [at, epoch, run, event, ...detail] = line.split(' ');
    if (at === undefined || epoch === undefined || run === undefined || event === undefined) return [];
    return [{run, event, detail: detail.join(' ')}];
  });
}
