import * as z from 'zod';
import type {Ending} from './app.js';
import {nameRule, parseRoleName} from './host-name.js';
import {choiceField, durationField, mapField, namedKeyField} from './schema-field.js';

/** Role -> how its hosts end their work, where that differs from the app's `drain`. */
export const endingSchema = z
  .record(
    namedKeyField('role', parseRoleName, {rule: nameRule}),
    mapField({
      wait: durationField('wait', {description: 'How long to wait for sessions to end, on hosts of this role'}).optional(),
      then: choiceField(['close', 'abort'], {description: 'What happens to sessions that are left then'}).optional(),
    }),
  )
  .transform((roles): readonly Ending[] =>
    Object.entries(roles).flatMap(([name, {wait, then}]): Ending[] => {
      const role = parseRoleName(name);
      if (role === undefined) return [];
      return [{role, ...(wait === undefined ? {} : {waitMs: wait}), ...(then === undefined ? {} : {then})}];
    }),
  );
