import type {PushSettings} from './app.js';
import {parseByteRate} from './byte-rate.js';
import {choiceField, mapField, quantityField, wholeField} from './schema-field.js';

const rateField = (name: string, description: string) =>
  quantityField((text) => parseByteRate(text, `rate.${name}`), {description, examples: ['20M', '1GB/s']}).optional();

const rateSchema = mapField({
  host: rateField('host', 'Most bytes per second to one host'),
  silo: rateField('silo', 'Most bytes per second to the hosts of one silo'),
  run: rateField('run', 'Most bytes per second in all'),
});

export const pushSchema = mapField({
  via: choiceField(['direct', 'store'], {
    description: 'Straight to every host, or once into the bucket of store:, from where hosts fetch it',
    default: 'direct',
  }).optional(),
  rate: rateSchema.meta({description: 'Limits on transfers, shared fairly; none where nothing is said'}).optional(),
  retries: wholeField('retries', [0, 20], {
    description: 'How often a transfer that was cut is continued within the run',
    default: 4,
  }).optional(),
}).transform(
  ({via = 'direct', rate, retries}): PushSettings => ({
    via,
    ...(rate === undefined ? {} : {rate}),
    ...(retries === undefined ? {} : {retries}),
  }),
);
