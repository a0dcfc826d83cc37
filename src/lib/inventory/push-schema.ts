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
  via: choiceField(['direct', 'relay', 'store'], {
    description:
      'Straight to every host; once per silo to one host that hands it on to the others; or once into the bucket of store:, from where hosts fetch it',
    default: 'direct',
  }).optional(),
  relayPort: wholeField('relayPort', [1024, 65_535], {
    description: 'Port on which a relay serves its peers; a free one from 20000 on where left out',
    because: 'since relays do not run as root',
    examples: [20_022],
  }).optional(),
  rate: rateSchema
    .meta({description: 'Limits on what hosts take, from here, a relay or a bucket, shared fairly; none where nothing is said'})
    .optional(),
  retries: wholeField('retries', [0, 20], {
    description: 'How often a transfer that was cut is continued within the run',
    default: 4,
  }).optional(),
}).transform(
  ({via = 'direct', relayPort, rate, retries}): PushSettings => ({
    via,
    ...(relayPort === undefined ? {} : {relayPort}),
    ...(rate === undefined ? {} : {rate}),
    ...(retries === undefined ? {} : {retries}),
  }),
);
