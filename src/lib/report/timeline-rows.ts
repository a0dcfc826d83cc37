import {type HostEnding, judgeHost} from './host-ending.js';
import type {HostRecord, RunModel, WaveRecord} from './run-model.js';

const groupHeadPx = 26;
const groupGapPx = 10;
const labelEveryPx = 12;

/** One host of the timeline; `topPx` from the top of the drawing. */
export interface TimelineRow {
  readonly record: HostRecord;
  readonly ending: HostEnding;
  readonly topPx: number;
  /** Thin rows leave names out, but not of hosts that need to be found. */
  readonly labelled: boolean;
}

export interface TimelineGroup {
  readonly wave: WaveRecord | undefined;
  readonly topPx: number;
  readonly heightPx: number;
  readonly rows: readonly TimelineRow[];
}

export interface TimelineLayout {
  readonly rowPx: number;
  readonly heightPx: number;
  readonly groups: readonly TimelineGroup[];
}

/** Whether somebody will look for this host. */
function isOdd({outcome, reached}: HostEnding): boolean {
  return reached && outcome !== 'done' && outcome !== 'unchanged';
}

function chooseRowHeight(hosts: number): number {
  if (hosts <= 40) return 18;
  return hosts <= 120 ? 10 : 5;
}

/** Labels that do not touch: odd hosts first, then every n-th. */
function chooseLabels(hosts: readonly {readonly odd: boolean; readonly topPx: number}[]): Set<number> {
  const taken: number[] = [];
  const chosen = new Set<number>();
  for (const wanted of [true, false]) {
    hosts.forEach(({odd, topPx}, index) => {
      if (odd !== wanted || taken.some((other) => Math.abs(other - topPx) < labelEveryPx)) return;
      taken.push(topPx);
      chosen.add(index);
    });
  }
  return chosen;
}

function groupHosts(model: RunModel): {readonly wave: WaveRecord | undefined; readonly hosts: readonly HostRecord[]}[] {
  const placed = new Set<string>();
  const groups = model.waves.map((wave) => {
    const hosts = wave.hosts.filter((host) => !placed.has(host)).flatMap((host) => model.hosts.get(host) ?? []);
    for (const {host} of hosts) placed.add(host);
    return {wave, hosts};
  });
  const rest = [...model.hosts.values()].filter(({host}) => !placed.has(host));
  return [...groups, {wave: undefined, hosts: rest}].filter(({hosts}) => hosts.length > 0);
}

/**
 * Where everything stands: hosts below their wave, in plan order, rows as thin as their number asks. A wave that never
 * started is its head alone.
 */
export function layOutTimeline(model: RunModel, topPx: number): TimelineLayout {
  const rowPx = chooseRowHeight(model.hosts.size);
  let bottomPx = topPx;
  const groups = groupHosts(model).map(({wave, hosts: members}) => {
    const groupTopPx = bottomPx;
    const hosts = wave !== undefined && wave.startedMs === undefined ? members.filter((record) => judgeHost(record).reached) : members;
    const placed = hosts.map((record, index) => {
      const ending = judgeHost(record);
      return {record, ending, odd: isOdd(ending), topPx: groupTopPx + groupHeadPx + index * rowPx};
    });
    const labels = chooseLabels(placed);
    bottomPx = groupTopPx + groupHeadPx + hosts.length * rowPx + groupGapPx;
    return {
      wave,
      topPx: groupTopPx,
      heightPx: groupHeadPx + hosts.length * rowPx,
      rows: placed.map(({record, ending, topPx: rowTopPx}, index) => ({record, ending, topPx: rowTopPx, labelled: labels.has(index)})),
    };
  });
  return {rowPx, heightPx: bottomPx, groups};
}
