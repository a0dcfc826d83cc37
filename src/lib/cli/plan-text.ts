import {printable} from '../errors/printable.js';
import type {PushRate} from '../inventory/app.js';
import {describeRate} from '../inventory/byte-rate.js';
import {formatDuration as formatBound} from '../inventory/duration.js';
import {foldHostSet} from '../inventory/folded-hosts.js';
import {digestPlan} from '../operations/plan-text.js';
import {describeOffset} from '../operations/plan-timed.js';
import {formatDuration} from '../report/quantity.js';
import type {OncePlan, RolloutPlan} from '../rollout/plan.js';

/** What will happen, for the person who is asked: waves, what each host leaves and gets, floors, and the steps in order. */
export function describePlan(plan: RolloutPlan, boundMs: number, rate?: PushRate): string {
  const short = (id: string | undefined): string => (id === undefined ? 'nothing' : id.slice(0, 12));
  const moves = new Map<string, string[]>();
  for (const {name, from, to} of plan.hosts) {
    const key = plan.snapshot === undefined ? `${short(from)} -> ${short(to)}` : `-> ${short(plan.snapshot)}, each its part`;
    moves.set(key, [...(moves.get(key) ?? []), name]);
  }
  const lines = [
    `${plan.back === undefined ? plan.command : 'roll back'} ${plan.app}: ${plan.hosts.length} ${plan.hosts.length === 1 ? 'host' : 'hosts'}, plan ${digestPlan(plan)}, at most ${formatDuration(boundMs)}`,
  ];
  for (const [move, names] of moves) lines.push(`  ${move}  ${foldHostSet(names)}`);
  if (plan.at !== undefined) {
    const bound = formatBound(plan.at.clockBoundMs);
    lines.push(`  time  ${plan.at.time}: the hosts of a wave switch together, each by its own clock, which may be off by ${bound}`);
  }
  plan.waves.forEach((wave, index) => {
    const when = wave.offsetMs === undefined ? '' : `  ${describeOffset(wave.offsetMs)}`;
    lines.push(`  wave ${index + 1}  ${wave.name}  ${foldHostSet(wave.hosts)}${when}`);
  });
  if (plan.order !== undefined && plan.order.length > 1)
    lines.push(`  order  ${plan.order.map(foldHostSet).join(', then ')}; on the way back in reverse`);
  for (const {role, how, hosts} of plan.pauses ?? []) lines.push(`  pause ${role}  ${how}  ${foldHostSet(hosts)}`);
  if (plan.once !== undefined) lines.push(...describeOnce(plan.once));
  const floors = Object.entries(plan.floors).map(([silo, floor]) => `${silo} ${floor}`);
  lines.push(`  each host: ${plan.steps.join(' > ')}`);
  const isFree = plan.at !== undefined && Object.values(plan.floors).every((floor) => floor === 0);
  const floor = isFree ? 'a switch takes nobody out of rotation' : `floor: ${floors.join(', ')} in rotation`;
  const before = plan.at === undefined ? '' : ' once they have switched, 0 before';
  lines.push(`  ${floor}; budget: ${plan.budget}${before}${plan.soakMs === 0 ? '' : `; soak: ${formatDuration(plan.soakMs)}`}`);
  if (plan.unsafe !== undefined) lines.push(`  LEFT OUT: ${plan.unsafe.map((flag) => `--${flag}`).join(', ')}`);
  const limits = describeRate(rate);
  if (limits !== undefined) lines.push(`  transfers: at most ${limits}`);
  if (plan.confirmMs > 0) lines.push(`  a host that nobody confirms goes back by itself after ${formatDuration(plan.confirmMs)}`);
  return `${lines.map((line) => printable(line)).join('\n')}\n`;
}

function describeOnce(once: OncePlan): string[] {
  const deadline = formatBound(once.deadlineMs);
  return (['before', 'after'] as const).flatMap((task) => {
    const command = once[task];
    if (command === undefined || once.done?.includes(task) === true) return [];
    const when = task === 'before' ? 'ahead of the first host' : 'when every host of the app has converged';
    const where = once.begun?.[task] === undefined ? `on ${once.hosts[0]}` : `begun on ${once.begun[task]}`;
    return [`  once ${task}  ${command}  ${where}, ${when}, at most ${deadline}`];
  });
}
