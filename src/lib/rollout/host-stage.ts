import type {ErrorCode} from '../errors/codes.js';
import type {Direction, MoveStep} from './plan.js';

/**
 * Where one host stands. `failed`: the release failed on it, or the run turned round while it was on its way. `lost`: it failed for reasons
 * of its own and is debt. `stuck`: the run can do nothing more for it, because its way back failed or another run took it over.
 * `held`: it stands ready for its timed step and waits for the others of its wave. `touched`: this run, or an earlier part of it, may have changed the host.
 */
export type HostStage =
  | {readonly kind: 'planned'}
  | {readonly kind: 'ready'; readonly touched: boolean}
  | {
      readonly kind: 'moving';
      readonly direction: Direction;
      readonly step: MoveStep;
      readonly skipRestart?: boolean;
      readonly held?: boolean;
    }
  | {readonly kind: 'done'}
  | {readonly kind: 'failed'; readonly why: string; readonly code: ErrorCode}
  | {readonly kind: 'lost'; readonly why: string; readonly code: ErrorCode; readonly touched: boolean}
  | {readonly kind: 'reverted'}
  | {readonly kind: 'stuck'; readonly why: string; readonly code: ErrorCode};

/** Changed by this run and not back: what stands between a stopped run and a clean ending. */
export function isChanged(stage: HostStage | undefined): boolean {
  switch (stage?.kind) {
    case undefined:
    case 'planned':
    case 'reverted':
      return false;
    case 'ready':
    case 'lost':
      return stage.touched;
    case 'moving':
    case 'done':
    case 'failed':
    case 'stuck':
      return true;
  }
}

/** Goes back when the run does, once nothing is in flight on it. */
export function mustGoBack(stage: HostStage | undefined): boolean {
  return isChanged(stage) && stage?.kind !== 'moving' && stage?.kind !== 'stuck';
}

/** On its way out of rotation or out of it, though the balancers may not say so yet. */
export function isLeaving(stage: HostStage | undefined): boolean {
  return stage?.kind === 'moving' && stage.step !== 'admit' && stage.step !== 'confirm';
}
