import {DroverError} from '../errors/drover-error.js';
import type {App} from '../inventory/app.js';
import type {Inventory} from '../inventory/host.js';
import type {PlannedHost} from '../rollout/plan.js';

/** Hosts that move together, and what they are called in the names of waves. */
export interface RoleGroup {
  readonly role: string;
  readonly hosts: readonly PlannedHost[];
}

/**
 * Hosts by the roles of `roll.order`, each under the first of them that it has; those with none of them come last. A rollback goes the other way
 * round. Groups without a host are left out; undefined where no order is set. Refuses an order beside partitions, whose holders say who may move when.
 */
export function groupByRole(
  {hosts: members}: Inventory,
  app: App,
  command: 'deploy' | 'rollback',
  hosts: readonly PlannedHost[],
): readonly RoleGroup[] | undefined {
  const {order} = app.roll;
  if (order === undefined) return undefined;
  if (app.partitions !== undefined) {
    const message = `apps.${app.name} has partitions, whose holders say who may move when: roll.order cannot be kept`;
    throw new DroverError({code: 'refused', message, fix: 'take roll.order out'});
  }
  const roleOf = (name: string): string | undefined => {
    const roles = members.find((host) => host.name === name)?.roles ?? [];
    return order.find((role) => roles.includes(role));
  };
  const groups = [...order, undefined].map((role) => ({role: role ?? 'other', hosts: hosts.filter(({name}) => roleOf(name) === role)}));
  const filled = groups.filter((group) => group.hosts.length > 0);
  return command === 'deploy' ? filled : filled.reverse();
}
