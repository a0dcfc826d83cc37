import {foldHostSet} from '../inventory/folded-hosts.js';
import {formatCount, formatDuration} from './quantity.js';
import type {RunModel} from './run-model.js';

/** Who a run waits for at this moment, by step, the longest wait first: what a person asks in the middle of it. */
export function describePending(model: RunModel, nowMs: number): readonly string[] {
  const pending = [...model.hosts.values()].flatMap(({host, steps, endedMs}) => {
    const step = endedMs === undefined ? steps.findLast((each) => each.endedMs === undefined) : undefined;
    return step === undefined ? [] : [{host, step: step.step, waitMs: nowMs - step.startedMs}];
  });
  const ended = [...model.hosts.values()].filter(({endedMs}) => endedMs !== undefined).length;
  const steps = new Map<string, {hosts: string[]; longestMs: number}>();
  for (const {host, step, waitMs} of pending) {
    const group = steps.get(step) ?? {hosts: [], longestMs: 0};
    group.hosts.push(host);
    group.longestMs = Math.max(group.longestMs, waitMs);
    steps.set(step, group);
  }
  const lines = [...steps]
    .sort(([, one], [, other]) => other.longestMs - one.longestMs)
    .map(([step, {hosts, longestMs}]) => `  ${step}: ${foldHostSet(hosts)}, for up to ${formatDuration(longestMs)}`);
  return [`${formatCount(pending.length, 'host')} at work, ${ended} of ${model.selected} ended`, ...lines];
}
