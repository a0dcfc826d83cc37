import type {ErrorCode} from '../errors/codes.js';
import type {HostOutcome} from '../events/event.js';
import type {Answer, Effect, HostStage, RolloutState, RunOutcome} from './state.js';

/** Gives every lease back; the run stays open on hosts where something is left to do. */
export function release(state: RolloutState): Answer {
  const outcome = outcomeOf(state);
  const closed = outcome === 'converged' || outcome === 'rolled-back' || outcome === 'refused';
  const effects: Effect[] = [];
  for (const {name, from, to} of state.plan.hosts) {
    const stage = state.hosts.get(name);
    if (stage === undefined) continue;
    effects.push({kind: 'announce', happening: {kind: 'host-ended', host: name, ...hostOutcome(stage, from, to)}});
    if (state.leased.has(name)) {
      const finished = stage.kind === 'done' || stage.kind === 'reverted' || (closed && stage.kind === 'ready');
      effects.push({kind: 'release', host: name, ended: finished ? outcome : undefined});
    }
  }
  const releasing: RolloutState = {...state, phase: 'releasing'};
  if (state.leased.size > 0) return {state: releasing, effects};
  const end = finishIfReleased(releasing);
  return {state: end.state, effects: [...effects, ...end.effects]};
}

/** The last lease is back: the run ends. */
export function finishIfReleased(state: RolloutState): Answer {
  if (state.phase !== 'releasing' || state.leased.size > 0) return {state, effects: []};
  const lost = [...state.hosts.values()].find((stage) => stage.kind === 'lost' || stage.kind === 'stuck');
  const why = state.stop?.why ?? (lost !== undefined && 'why' in lost ? lost.why : undefined);
  const code = state.stop?.code;
  const end: Effect = {kind: 'end', outcome: outcomeOf(state), ...(code === undefined ? {} : {code}), ...(why === undefined ? {} : {why})};
  return {state: {...state, phase: 'ended'}, effects: [end]};
}

/** Success means the whole plan converged; a clean way back is the next best; everything else needs somebody. */
function outcomeOf(state: RolloutState): RunOutcome {
  const stages = [...state.hosts.values()];
  const changed = stages.some((stage) => stage.kind === 'done' || stage.kind === 'stuck' || (stage.kind === 'lost' && stage.touched));
  switch (state.stop?.kind) {
    case undefined:
      return stages.every((stage) => stage.kind === 'done') ? 'converged' : 'needs-attention';
    case 'leased':
    case 'unreachable':
      return 'refused';
    case 'interrupted':
      return 'interrupted';
    case 'floor':
      if (stages.some((stage) => stage.kind === 'reverted') && !changed) return 'rolled-back';
      return changed ? 'needs-attention' : 'refused';
    case 'release':
    case 'budget':
      return changed || stages.some((stage) => stage.kind === 'failed') ? 'needs-attention' : 'rolled-back';
    case 'fenced':
      return 'needs-attention';
  }
}

function hostOutcome(
  stage: HostStage,
  from: string | undefined,
  to: string,
): {outcome: HostOutcome; release?: string; code?: ErrorCode; why?: string} {
  const old = from === undefined ? {} : {release: from};
  switch (stage.kind) {
    case 'done':
      return {outcome: 'done', release: to};
    case 'reverted':
      return {outcome: 'reverted', ...old};
    case 'ready':
      return {outcome: 'unchanged', ...old};
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
