import type {HostStage} from '../../src/lib/rollout/host-stage.js';
import type {Answer, Effect, RolloutEvent} from '../../src/lib/rollout/state.js';

const glyphs: Record<Exclude<HostStage['kind'], 'moving'>, string> = {
  planned: '.',
  ready: 'r',
  done: '+',
  failed: 'x',
  lost: '!',
  reverted: '-',
  stuck: '#',
};

/** `  12.345 s  rolling  [+>r]  step-done eu-2 drain  ->  step eu-2 switch`: one glyph a host, `>` on its way, `=` ready for its time, `<` on its way back. */
export function traceLine(nowMs: number, event: RolloutEvent, answer: Answer): string {
  const fleet = [...answer.state.hosts.values()].map(showStage).join('');
  const effects = answer.effects.map(showEffect).join(', ');
  return `${(nowMs / 1000).toFixed(3).padStart(9)} s  ${answer.state.phase.padEnd(9)} [${fleet}]  ${showEvent(event)}${effects === '' ? '' : `  ->  ${effects}`}`;
}

function showStage(stage: HostStage): string {
  if (stage.kind === 'moving' && stage.held === true) return '=';
  if (stage.kind === 'moving') return stage.direction === 'forward' ? '>' : '<';
  return glyphs[stage.kind];
}

function showEvent(event: RolloutEvent): string {
  switch (event.kind) {
    case 'begin':
    case 'interrupt':
    case 'expired':
      return event.kind;
    case 'leased':
    case 'released':
      return `${event.kind} ${event.host}`;
    case 'lease-failed':
      return `lease-failed ${event.host} ${event.code}`;
    case 'step-done':
      return `step-done ${event.host} ${event.step}`;
    case 'step-failed':
      return `step-failed ${event.host} ${event.step} (${event.blame})`;
    case 'rotation':
      return `rotation ${event.silo} ${event.serving.length} (${event.serving.join(' ')})`;
    case 'rotation-failed':
      return `rotation-failed ${event.silo}`;
    case 'time-come':
      return `time-come ${event.moment}`;
    case 'time-missed':
      return event.kind;
    case 'lease-lost':
      return `lease-lost ${event.host}`;
    case 'task-done':
      return `task-done ${event.task} ${event.host}`;
    case 'task-failed':
      return `task-failed ${event.task} ${event.host} (${event.how})`;
    case 'soaked':
      return `soaked ${event.failed.map((each) => each.host).join(' ')}`;
  }
}

export function showEffect(effect: Effect): string {
  switch (effect.kind) {
    case 'lease':
      return `lease ${effect.host}`;
    case 'step':
      return `${effect.step} ${effect.host}`;
    case 'task':
      return `once ${effect.task} ${effect.host}`;
    case 'read-rotation':
      return `read ${effect.silo}${effect.afterMs > 0 ? ` after ${effect.afterMs} ms` : ''}`;
    case 'await-time':
      return `await ${effect.moment} +${effect.offsetMs} ms`;
    case 'soak':
      return `soak ${effect.hosts.join(' ')}`;
    case 'release':
      return `release ${effect.host}${effect.ended === undefined ? '' : ` (${effect.ended})`}`;
    case 'announce':
      return `"${effect.happening.kind}"`;
    case 'end':
      return `END ${effect.outcome}${effect.code === undefined ? '' : ` ${effect.code}`}`;
  }
}
