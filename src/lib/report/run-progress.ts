import type {DroverEvent, HostOutcome, Step} from '../events/event.js';
import {formatBytes} from './quantity.js';
import {TransferProgress} from './transfer-progress.js';

/** What the run is doing now: reading and preparing, one wave, or going back. */
export type Phase =
  | {readonly kind: 'prepare'}
  | {readonly kind: 'wave'; readonly wave: string; readonly index: number; readonly of: number; readonly hosts: readonly string[]}
  | {readonly kind: 'rollback'; readonly hosts: readonly string[]};

/** A step that is going on. */
export interface RunningStep {
  readonly host: string;
  readonly step: Step;
  readonly startedMs: number;
}

/** Counts of the current phase; each event costs the same however many hosts there are. */
export class RunProgress {
  phase: Phase = {kind: 'prepare'};
  /** Hosts of the phase. */
  total = 0;
  readonly #running = new Map<string, RunningStep>();
  readonly #idle = new Set<string>();
  /** Hosts of a wave that were confirmed: the run itself ends them only when it ends. */
  readonly #confirmed = new Set<string>();
  readonly #endings = new Map<HostOutcome, number>();
  readonly transfers = new TransferProgress();

  apply(event: DroverEvent): void {
    this.transfers.apply(event);
    switch (event.kind) {
      case 'run-started':
        this.#begin({kind: 'prepare'}, event.hosts);
        return;
      case 'wave-started':
        this.#begin({kind: 'wave', wave: event.wave, index: event.index, of: event.of, hosts: event.hosts}, event.hosts.length);
        return;
      case 'rolling-back':
        this.#begin({kind: 'rollback', hosts: event.hosts}, event.hosts.length);
        return;
      case 'step-started':
        this.#idle.delete(event.host);
        this.#running.set(event.host, {host: event.host, step: event.step, startedMs: Date.parse(event.at)});
        return;
      case 'step-ended':
        if (this.#running.delete(event.host)) this.#idle.add(event.host);
        if (event.step === 'confirm' && event.outcome !== 'failed' && this.phase.kind === 'wave') {
          this.#idle.delete(event.host);
          this.#confirmed.add(event.host);
        }
        return;
      case 'host-ended':
        this.#running.delete(event.host);
        this.#idle.delete(event.host);
        this.#confirmed.delete(event.host);
        this.#endings.set(event.outcome, this.count(event.outcome) + 1);
        return;
      default:
        return;
    }
  }

  /** Hosts of the phase that ended so. */
  count(outcome: HostOutcome): number {
    return this.#endings.get(outcome) ?? 0;
  }

  /** Hosts in hand. */
  get running(): number {
    return this.#running.size + (this.phase.kind === 'prepare' ? 0 : this.#idle.size);
  }

  /** Hosts that need nothing further in this phase. */
  get done(): number {
    const back = this.phase.kind === 'rollback' ? this.count('reverted') : 0;
    return (
      this.count('done') + this.count('unchanged') + this.#confirmed.size + back + (this.phase.kind === 'prepare' ? this.#idle.size : 0)
    );
  }

  /** The steps that have been going on for longest, oldest first. */
  findSlowest(count: number): readonly RunningStep[] {
    return [...this.#running.values()].sort((one, other) => one.startedMs - other.startedMs).slice(0, count);
  }

  /** How many hosts are at each step, most first. */
  countSteps(): readonly (readonly [step: Step, hosts: number])[] {
    const counts = new Map<Step, number>();
    for (const {step} of this.#running.values()) counts.set(step, (counts.get(step) ?? 0) + 1);
    return [...counts].sort(([, one], [, other]) => other - one);
  }

  #begin(phase: Phase, total: number): void {
    this.phase = phase;
    this.total = total;
    this.#idle.clear();
    this.#confirmed.clear();
    this.#endings.clear();
  }
}

function listOddEndings(progress: RunProgress): string[] {
  const odd = (['failed', 'reverted', 'skipped', 'interrupted'] as const).filter(
    (outcome) => outcome !== 'reverted' || progress.phase.kind !== 'rollback',
  );
  return odd.filter((outcome) => progress.count(outcome) > 0).map((outcome) => `${progress.count(outcome)} ${outcome}`);
}

const stepsNamed = 3;

/** ` (9 health, 3 drain)`: what the hosts in hand are at. */
function describeSteps(progress: RunProgress): string {
  const named = progress.countSteps().slice(0, stepsNamed);
  return named.length === 0 ? '' : ` (${named.map(([step, hosts]) => `${hosts} ${step}`).join(', ')})`;
}

/** `36 done  12 running (9 health, 3 drain)  1 failed  of 100  12.3 MB/s`; what did not happen is left out. */
export function formatCounts(progress: RunProgress, nowMs: number): string {
  const rate = progress.transfers.measureRate(nowMs);
  const moving = rate > 0 ? [`${formatBytes(rate)}/s`] : [];
  return [
    `${progress.done} done`,
    `${progress.running} running${describeSteps(progress)}`,
    ...listOddEndings(progress),
    `of ${progress.total}`,
    ...moving,
  ].join('  ');
}

/** `74 done  1 reverted`: how the hosts of a phase that is over ended. */
export function formatEndings(progress: RunProgress): string {
  const sent = progress.transfers.movedBytes === 0 ? [] : [`${formatBytes(progress.transfers.movedBytes)} sent`];
  return [`${progress.done} done`, ...listOddEndings(progress), ...sent].join('  ');
}
