import type {ErrorCode} from '../errors/codes.js';
import type {HostOutcome} from '../events/event.js';
import {dueTask, hasExpanded, openTask} from './due-task.js';
import {type HostStage, isChanged} from './host-stage.js';
import type {PlannedHost} from './plan.js';
import {type Answer, type Effect, joinAnswers, type RolloutState, type RunOutcome, type Stop} from './state.js';

/** Tells how each host ended and gives every lease back; the run stays open on hosts where something is left to do. */
export function endRun(state: RolloutState): Answer {
  const outcome = judgeRun(state);
  const effects = state.plan.hosts.flatMap((host): Effect[] => {
    const {name} = host;
    const stage = state.hosts.get(name);
    if (stage === undefined) return [];
    const told: Effect = {kind: 'announce', happening: {kind: 'host-ended', host: name, ...describeStage(stage, host)}};
    if (!state.leased.has(name)) return [told];
    return [told, {kind: 'release', host: name, ended: isFinished(state, stage, outcome) ? outcome : undefined}];
  });
  const releasing: RolloutState = {...state, phase: 'releasing'};
  return joinAnswers({state: releasing, effects}, finishIfReleased(releasing));
}

/** Nothing of the run is left to do here: the host arrived, is back, or was never begun by a run that begins no more. */
function isFinished(state: RolloutState, stage: HostStage, outcome: RunOutcome): boolean {
  if (stage.kind === 'reverted') return true;
  if (stage.kind === 'done') return openTask(state, 'after') === undefined;
  if (stage.kind !== 'ready' || stage.touched) return false;
  if (hasExpanded(state) && state.phase !== 'reverting' && outcome !== 'rolled-back') return false;
  // An expired plan begins no more on this host.
  if (state.stop?.kind === 'expired') return true;
  const isResumed = state.plan.hosts.some((host) => host.earlier !== undefined);
  if (state.phase === 'reverting' || outcome === 'rolled-back' || (outcome === 'refused' && !isResumed)) return true;
  // Waiting for a time is no beginning: who called that off wants none of it.
  return state.plan.at !== undefined && outcome === 'interrupted' && ![...state.hosts.values()].some(isChanged);
}

/** A lease came back. */
export function noteRelease(state: RolloutState, host: string): Answer {
  return finishIfReleased({...state, leased: new Set([...state.leased].filter((each) => each !== host))});
}

/** The last lease is back: the run ends. */
function finishIfReleased(state: RolloutState): Answer {
  if (state.phase !== 'releasing' || state.leased.size > 0) return {state, effects: []};
  const outcome = judgeRun(state);
  const ended: RolloutState = {...state, phase: 'ended'};
  if (outcome === 'converged') return {state: ended, effects: [{kind: 'end', outcome}]};
  const debt = [...state.hosts.values()].find((stage) => stage.kind === 'lost' || stage.kind === 'stuck');
  const why = state.stop?.why ?? debt?.why;
  const code = state.stop?.code;
  return {state: ended, effects: [{kind: 'end', outcome, ...(code === undefined ? {} : {code}), ...(why === undefined ? {} : {why})}]};
}

/** Success means the whole plan converged; a clean way back is the next best; a run that changed nothing was refused; the rest needs somebody. */
function judgeRun(state: RolloutState): RunOutcome {
  const stages = [...state.hosts.values()];
  const {stop} = state;
  if (stop?.kind === 'task') return judgeTask(stop);
  if (stages.every((stage) => stage.kind === 'done')) {
    return stop?.kind === 'interrupted' && dueTask(state, 'after') !== undefined ? 'interrupted' : 'converged';
  }
  if (stop?.kind === 'leased' || stop?.kind === 'unreachable' || stop?.kind === 'stale') return 'refused';
  if (stop?.kind === 'interrupted' && !stages.some((stage) => stage.kind === 'stuck')) return 'interrupted';
  if (stages.some(isChanged)) return 'needs-attention';
  if (stages.some((stage) => stage.kind === 'reverted')) return 'rolled-back';
  // A database that was expanded for this run is a change, though no host has moved.
  return stop === undefined || hasExpanded(state) ? 'needs-attention' : 'refused';
}

/** A task that failed ahead of the first move leaves the fleet as it was; of any other ending somebody must hear. */
function judgeTask({code}: Stop): RunOutcome {
  if (code === 'rolled-back') return code;
  return code === 'needs-attention' ? code : 'refused';
}

function describeStage(
  stage: HostStage,
  {from, to}: PlannedHost,
): {outcome: HostOutcome; release?: string; code?: ErrorCode; why?: string} {
  const old = from === undefined ? {} : {release: from};
  switch (stage.kind) {
    case 'done':
      return {outcome: 'done', release: to};
    case 'reverted':
      return {outcome: 'reverted', ...old};
    case 'ready':
      return stage.touched ? {outcome: 'interrupted'} : {outcome: 'unchanged', ...old};
    case 'planned':
      return {outcome: 'skipped', ...old};
    case 'moving':
      return {outcome: 'interrupted'};
    case 'lost':
      return {outcome: stage.touched ? 'failed' : 'skipped', code: stage.code, why: stage.why};
    case 'failed':
    case 'stuck':
      return {outcome: 'failed', code: stage.code, why: stage.why};
  }
}
