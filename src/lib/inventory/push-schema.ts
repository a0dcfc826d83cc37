import type {PushSettings} from './app.js';
import {choiceField, mapField} from './schema-field.js';

export const pushSchema = mapField({
  via: choiceField(['direct'], {description: 'Straight to every host', default: 'direct'}).optional(),
}).transform(({via = 'direct'}): PushSettings => ({via}));
