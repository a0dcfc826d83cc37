import * as z from 'zod';
import {DroverError} from '../errors/drover-error.js';
import {hostNameRule, nameRule, parseFingerprint, parseHostName, parseRoleName, parseSiloName, parseUserName} from './host-name.js';
import {expandHostSet} from './host-set.js';
import {choiceField, durationField, keyField, mapField, namedField, wholeField} from './schema-field.js';

/** A host set all of whose names are host names; gives the names. */
export function parseHostKey(text: string): string[] {
  const names = /[[\],]/.test(text) ? expandHostSet(text) : [text];
  const bad = names.find((name) => parseHostName(name) === undefined);
  if (bad === undefined) return names;
  throw new DroverError({
    code: 'invalid-file',
    message: `host ${JSON.stringify(bad)} is not a valid name`,
    fix: bad === 'all' ? 'the word "all" selects every host; choose another' : hostNameRule,
  });
}

/** A path without what ssh would expand or take as a quote, without control characters and halves of characters. */
function parsePath(text: string): string | undefined {
  return text.trim() === '' || /[%"'\\\p{Cc}\p{Cs}]|\$\{/u.test(text) || /^~[^/]/.test(text) || text === '~' ? undefined : text;
}

const pathRule = 'an absolute path, a path from the folder of the inventory, or ~/…; without %, quotes or ${';

const roleField = namedField('role', parseRoleName, {rule: nameRule, description: 'What the host does: web, worker, socket, balancer, db'});

const reachFields = {
  user: namedField('user', parseUserName, {
    as: 'user name',
    rule: 'letters, digits, dot, hyphen and underscore',
    description: 'Login name; by default what ~/.ssh/config says',
  }).optional(),
  port: wholeField('port', [1, 65_535], {description: 'SSH port', examples: [22]}).optional(),
  identity: namedField('identity', parsePath, {as: 'path', rule: pathRule, description: 'Path of the private key'}).optional(),
  config: namedField('config', parsePath, {
    as: 'path',
    rule: pathRule,
    description: 'ssh_config to use instead of ~/.ssh/config',
  }).optional(),
  known_hosts: namedField('known_hosts', parsePath, {
    as: 'path',
    rule: pathRule,
    description: 'known_hosts to use instead of the configured ones',
  }).optional(),
  link: choiceField(['auto', 'ssh', 'openssh', 'local'], {
    description: 'Which client carries the connection; auto chooses by what ~/.ssh/config asks for',
    default: 'auto',
  }).optional(),
  connect_timeout: durationField('connect_timeout', {
    description: 'How long connecting may take, login included',
    default: '10s',
  }).optional(),
};

const hostFields = mapField({
  silo: namedField('silo', parseSiloName, {
    rule: nameRule,
    description: 'The complete vertical slice the host belongs to; unit of rollout and failure domain',
    default: 'default',
  }).optional(),
  role: z
    .union([roleField, z.array(roleField).nonempty()])
    .meta({description: 'One role, or several', default: 'web'})
    .optional(),
  address: namedField('address', parseHostName, {
    rule: hostNameRule,
    description: 'Where to connect when it is not the name of the host',
  }).optional(),
  relay_address: namedField('relay_address', parseHostName, {
    rule: hostNameRule,
    description: 'Where the other hosts of the silo reach it, when that is neither its address nor its name',
  }).optional(),
  fingerprint: namedField('fingerprint', parseFingerprint, {
    as: 'fingerprint',
    rule: 'SHA256:…, as ssh-keygen -lf prints it',
    description: 'Pinned host key',
  }).optional(),
  ...reachFields,
});

export const inventorySchema = mapField({
  hosts: z
    .record(keyField(parseHostKey), hostFields.nullable())
    .meta({description: 'Host sets (web[01-12].eu.example.com) and what is true of each of their hosts'}),
  ssh: mapField({
    ...reachFields,
    require: choiceField(['openssh'], {
      description: "The only client that may carry a connection; the system's ssh has post-quantum key exchange, drover's own has not",
    }).optional(),
  })
    .meta({description: 'How to reach hosts that do not say it themselves'})
    .optional(),
}).meta({title: 'drover inventory', description: 'Hosts, silos and roles'});

export type InventoryInput = z.output<typeof inventorySchema>;
export type HostInput = NonNullable<InventoryInput['hosts'][string]>;
