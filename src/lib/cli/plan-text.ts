import {printable} from '../errors/printable.js';
import type {PushRate} from '../inventory/app.js';
import {describeRate} from '../inventory/byte-rate.js';
import {foldHostSet} from '../inventory/folded-hosts.js';
import {digestPlan} from '../operations/plan-text.js';
import {formatDuration} from '../report/quantity.js';
import type {RolloutPlan} from '../rollout/plan.js';

/** What will happen, for the person who is asked: waves, what each host leaves and gets, floors, and the steps in order. */
export function describePlan(plan: RolloutPlan, boundMs: number, rate?: PushRate): string {
  const short = (id: string | undefined): string => (id === undefined ? 'nothing' : id.slice(0, 12));
  const moves = new Map<string, string[]>();
  for (const {name, from, to} of plan.hosts) {
    const key = `${short(from)} -> ${short(to)}`;
    moves.set(key, [...(moves.get(key) ?? []), name]);
  }
  const lines = [
    `${plan.back === undefined ? plan.command : 'roll back'} ${plan.app}: ${plan.hosts.length} ${plan.hosts.length === 1 ? 'host' : 'hosts'}, plan ${digestPlan(plan)}, at most ${formatDuration(boundMs)}`,
  ];
  for (const [move, names] of moves) lines.push(`  ${move}  ${foldHostSet(names)}`);
  plan.waves.forEach((wave, index) => {
    lines.push(`  wave ${index + 1}  ${wave.name}  ${foldHostSet(wave.hosts)}`);
  });
  const floors = Object.entries(plan.floors).map(([silo, floor]) => `${silo} ${floor}`);
  lines.push(`  each host: ${plan.steps.join(' > ')}`);
  lines.push(
    `  floor: ${floors.join(', ')} in rotation; budget: ${plan.budget}${plan.soakMs === 0 ? '' : `; soak: ${formatDuration(plan.soakMs)}`}`,
  );
  const limits = describeRate(rate);
  if (limits !== undefined) lines.push(`  transfers: at most ${limits}`);
  if (plan.confirmMs > 0) lines.push(`  a host that nobody confirms goes back by itself after ${formatDuration(plan.confirmMs)}`);
  return `${lines.map((line) => printable(line)).join('\n')}\n`;
}
