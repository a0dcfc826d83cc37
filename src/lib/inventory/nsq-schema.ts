import * as z from 'zod';
import {parseServiceUrl} from './path-grammar.js';
import {mapField, namedField} from './schema-field.js';
import {writeIssue} from './schema-problems.js';

/** What nsqd accepts as a topic or a channel. */
export function parseTopic(text: string): string | undefined {
  return /^[.a-zA-Z0-9_-]{1,54}(#ephemeral)?$/.test(text) ? text : undefined;
}

export const topicRule = {as: 'topic', rule: 'letters, digits, and . _ -, at most 54'};

/** `http://host:port` and nothing more: TLS would need a certificate of the host behind the SSH connection. */
function parseNsqAddress(text: string): string | undefined {
  if (parseServiceUrl(text) === undefined) return undefined;
  const {protocol, pathname, search, port, origin} = new URL(text);
  return protocol === 'http:' && pathname === '/' && search === '' && port !== '' ? origin : undefined;
}

function addressesField(what: string, port: number) {
  const address = namedField(what, parseNsqAddress, {
    as: 'address',
    rule: `http://host:port, for example http://127.0.0.1:${port}`,
    description: `HTTP address of ${what}, as the worker reaches it`,
    examples: [`http://127.0.0.1:${port}`],
  });
  return z
    .union([address, z.array(address).min(1, writeIssue(`${what} is empty`, 'name at least one'))])
    .transform((given): readonly string[] => [...new Set([given].flat())])
    .meta({description: `HTTP address of ${what}, as the worker reaches it; a list where there are several`})
    .optional();
}

/** A channel that workers consume, and where it is. */
export const nsqField = mapField({
  topic: namedField('topic', parseTopic, {...topicRule, description: 'Topic whose messages are the work'}),
  channel: namedField('channel', parseTopic, {...topicRule, as: 'channel', description: 'Channel that the workers share'}),
  nsqd: addressesField('nsqd', 4151),
  lookupd: addressesField('nsqlookupd', 4161),
})
  .superRefine(({nsqd = [], lookupd = []}, context) => {
    if (nsqd.length > 0 || lookupd.length > 0) return;
    context.addIssue({
      code: 'custom',
      message: writeIssue('nsq names neither nsqd nor lookupd', 'name one, for example lookupd: http://127.0.0.1:4161'),
    });
  })
  .transform(({topic, channel, nsqd = [], lookupd = []}) => ({topic, channel, nsqd, lookupd}));
