import type {Happening, Step} from './event.js';

const changingSteps: ReadonlySet<Step> = new Set<Step>([
  'lease',
  'stage',
  'prepare',
  'drain',
  'switch',
  'restart',
  'admit',
  'confirm',
  'revert',
  'release',
  'prune',
  'once',
  'copy',
]);

const startingSteps: ReadonlySet<Step> = new Set<Step>(['lease', 'stage', 'prepare', 'drain', 'switch', 'prune', 'once', 'copy']);

/** Whether the record must be on disk before anybody acts upon it: it announces or concludes a change to a host, or a run. */
export function mustBeDurable(happening: Happening): boolean {
  switch (happening.kind) {
    case 'run-started':
    case 'run-ended':
    case 'rolling-back':
    case 'task-ended':
      return true;
    case 'step-started':
    case 'step-ended':
      return changingSteps.has(happening.step);
    default:
      return false;
  }
}

/**
 * Whether a run must stop here when its record cannot be kept. Only what begins a change is refused: a host that is
 * half way is finished, reverted, admitted and released also with a full disk.
 */
export function mayBeRefused(happening: Happening): boolean {
  return happening.kind === 'run-started' || (happening.kind === 'step-started' && startingSteps.has(happening.step));
}
