import type {Effect} from '../../src/lib/rollout/state.js';
import type {Referee} from './referee.js';
import {judgeTaskEnd} from './task-rules.js';

/** Whether the run's last word is true of the world. */
export function judgeEnd(referee: Referee, end: Extract<Effect, {kind: 'end'}>): void {
  const {plan, model, touched, arrived, returned} = referee;
  const names = plan.hosts.map((host) => host.name);
  const allArrived = names.every((name) => arrived.has(name));
  const allReturned = touched.size > 0 && [...touched].every((name) => returned.has(name));
  const {outcome} = end;
  const byTask = judgeTaskEnd(referee);
  if (byTask !== undefined) {
    referee.rule(byTask.includes(outcome), `${outcome}, and once.${referee.taskFailure?.task} ended ${referee.taskFailure?.how}`);
    return;
  }
  referee.rule(referee.inHand.size === 0, `no step of ${[...referee.inHand.keys()].join(', ')} runs at the end`);
  referee.rule((outcome === 'converged') === allArrived, `${outcome}, and ${arrived.size} of ${names.length} hosts arrived`);
  referee.rule(
    (outcome === 'rolled-back') === (allReturned && !allArrived) || (plan.at !== undefined && outcome === 'interrupted'),
    `${outcome}, and ${returned.size} of ${touched.size} touched hosts are back`,
  );
  if (outcome === 'refused') referee.rule(touched.size === 0 || wasRefused(referee), 'a run that was refused has touched nothing');
  if (outcome === 'interrupted')
    referee.rule(
      referee.interrupted && (!referee.turned || plan.back !== undefined || plan.at !== undefined),
      'interrupted means that somebody interrupted, and no more',
    );
  if (touched.size === 0 && !allArrived && !referee.interrupted) {
    const isExpanded = referee.tasksDone.has('before') || plan.once?.done?.includes('before') === true;
    const isFit = outcome === 'refused' || (isExpanded && outcome === 'needs-attention');
    referee.rule(isFit, `${outcome}, and nothing was touched`);
  }
  if (outcome === 'needs-attention' && referee.turned) {
    referee.rule(
      [...touched].some((name) => !returned.has(name)),
      'needs-attention means that a touched host is not back',
    );
  }
  for (const host of plan.hosts) {
    if (outcome === 'converged')
      referee.rule(model.releaseOf(host.name) === host.to, `converged, and ${host.name} serves ${model.releaseOf(host.name)}`);
    if (outcome === 'rolled-back' && touched.has(host.name)) {
      referee.rule(model.releaseOf(host.name) === host.from, `rolled back, and ${host.name} serves ${model.releaseOf(host.name)}`);
      const isOut = model.isDrained(host.name) && host.from !== undefined && plan.steps.includes('admit');
      referee.rule(!isOut, `rolled back, and ${host.name} is out of rotation`);
    }
    const said = referee.finalOutcomes.get(host.name);
    referee.rule(said !== undefined, `${host.name} is told how it ended`);
    referee.rule((said === 'done') === arrived.has(host.name) || referee.starved.has(host.silo), `${host.name} is said to be ${said}`);
    referee.rule((said === 'reverted') === returned.has(host.name), `${host.name} is said to be ${said}`);
  }
  if (referee.turned && outcome !== 'refused' && outcome !== 'interrupted') judgeWayBack(referee);
  for (const name of referee.handAtInterrupt) {
    const isSettled =
      arrived.has(name) ||
      returned.has(name) ||
      referee.lost.has(name) ||
      referee.beyondHelp.has(name) ||
      referee.turned ||
      referee.fencedFirst;
    referee.rule(isSettled, `${name} was in hand at the interrupt and is finished`);
  }
}

/** Everything that was touched goes back, or there was a reason that it could not. */
function judgeWayBack(referee: Referee): void {
  const {plan, touched, returned, beyondHelp, starved, lost, everLeased} = referee;
  for (const name of touched) {
    const {silo} = plan.hosts.find((host) => host.name === name)!;
    const isExcused = beyondHelp.has(name) || starved.has(silo) || (lost.has(name) && !everLeased.has(name));
    referee.rule(returned.has(name) || isExcused, `${name} was touched and goes back`);
  }
}

/** A resumed run that never got its leases leaves everything as the run before left it. */
function wasRefused(referee: Referee): boolean {
  const {plan, lost, refusedLease} = referee;
  const budget = plan.at === undefined ? plan.budget : 0;
  return (
    (plan.back !== undefined || plan.hosts.some((host) => host.earlier !== undefined)) &&
    (refusedLease || lost.size > budget || lost.size === plan.hosts.length)
  );
}
