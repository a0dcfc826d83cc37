import type {OnceTask} from '../../src/lib/rollout/plan.js';
import type {Effect} from '../../src/lib/rollout/state.js';
import type {Referee} from './referee.js';
import type {StepEffect} from './run-record.js';

type TaskEffect = Extract<Effect, {kind: 'task'}>;

/** Whether a once task may be asked for now, and of this host. */
export function judgeTask(referee: Referee, {task, host}: TaskEffect): void {
  const {plan, arrived, leases, issuedSteps} = referee;
  const earlier = plan.once?.begun?.[task];
  referee.rule(plan.once?.[task] !== undefined && !referee.tasksDone.has(task), `once.${task} is asked for where it is due`);
  referee.rule(referee.taskInHand === undefined && referee.inHand.size === 0, `once.${task} is alone`);
  referee.rule(leases.has(host), `once.${task} of ${host} happens under a lease`);
  referee.rule(!referee.tasksBegun.has(task), `once.${task} is not asked for again after it was begun`);
  referee.rule(earlier === undefined || earlier === host, `once.${task} was begun on ${earlier}: ${host} is not asked for it`);
  if (task === 'before') referee.rule(issuedSteps === 0, 'once.before comes ahead of every move');
  else
    referee.rule(
      plan.hosts.every(({name}) => arrived.has(name)),
      `once.after comes when every host has arrived, ${arrived.size} of ${plan.hosts.length} have`,
    );
}

/** A host may begin to move. */
export function judgeMove(referee: Referee, key: string): void {
  const {once, back} = referee.plan;
  referee.rule(once?.before === undefined || back !== undefined || referee.tasksDone.has('before'), `${key} comes after once.before`);
  referee.rule(!referee.tasksBegun.has('after'), `${key}: nothing moves once the contract has begun`);
}

/** Where roles have an order: nobody overtakes those before it, on either way. */
export function judgeTurn(referee: Referee, {host, direction}: StepEffect): void {
  const {order, hosts} = referee.plan;
  if (order === undefined) return;
  const own = order.findIndex((group) => group.includes(host));
  const ahead = (direction === 'forward' ? order.slice(0, own) : order.slice(own + 1)).flat();
  const {arrived, lost, returned, touched, beyondHelp, starved, everLeased} = referee;
  const isLeft = (name: string): boolean => {
    if (direction === 'forward') return !arrived.has(name) && !lost.has(name);
    const silo = hosts.find((each) => each.name === name)?.silo ?? '';
    return touched.has(name) && !returned.has(name) && !beyondHelp.has(name) && !starved.has(silo) && everLeased.has(name);
  };
  const left = ahead.filter(isLeft);
  referee.rule(left.length === 0, `${host} goes ${direction} in its turn: ${left.join(', ')} come first`);
}

/** Whether the outcome is what the tasks left room for; undefined where they have no say. */
export function judgeTaskEnd(referee: Referee): readonly string[] | undefined {
  const {once, back, hosts} = referee.plan;
  for (const task of ['before', 'after'] as const satisfies readonly OnceTask[]) {
    const count = referee.model.countRuns(task);
    referee.rule(count <= 1, `once.${task} ran on ${count} hosts`);
    if (referee.tasksDone.has(task) && once?.done?.includes(task) !== true)
      referee.rule(count === 1, `once.${task} is done and ran ${count} times`);
  }
  if (once === undefined || back !== undefined) return undefined;
  const {taskFailure} = referee;
  if (taskFailure === undefined) {
    const silent = once.begun?.before !== undefined && !referee.everLeased.has(once.begun.before) && !referee.tasksDone.has('before');
    if (silent) return ['needs-attention', 'refused', 'interrupted'];
    const isOpen = once.after !== undefined && !referee.tasksDone.has('after');
    const haveAll = hosts.every(({name}) => referee.arrived.has(name));
    return isOpen && haveAll && referee.interrupted ? ['interrupted'] : undefined;
  }
  switch (taskFailure.how) {
    case 'held':
      return undefined;
    case 'failed':
      return taskFailure.task === 'before' ? ['rolled-back'] : ['needs-attention'];
    case 'not-begun':
      return ['refused', 'needs-attention', 'interrupted'];
    default:
      return ['needs-attention'];
  }
}
