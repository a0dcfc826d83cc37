import {readFile} from 'node:fs/promises';
import {describe, expect, it} from 'vitest';
import {schemaFiles} from '../../src/lib/inventory/schema-export.js';

describe('schemaFiles()', () => {
  it.each(Object.entries(schemaFiles()))('schema/%s is what is committed', async (name, text) => {
    expect(await readFile(new URL(`../../schema/${name}`, import.meta.url), 'utf8')).toBe(text);
  });

  it('knows the keys, their words and their defaults, and refuses others', () => {
    const project = JSON.parse(schemaFiles()['drover.schema.json'] ?? '') as {
      required: string[];
      additionalProperties: boolean;
      properties: {apps: {additionalProperties: {required: string[]; properties: {roll: {properties: Record<string, unknown>}}}}};
    };
    const app = project.properties.apps.additionalProperties;
    expect([project.required, project.additionalProperties, app.required]).toEqual([['apps'], false, ['source', 'root', 'hosts']]);
    expect(app.properties.roll.properties.confirm).toMatchObject({type: 'string', default: '5m', pattern: '^[0-9]+(ms|s|m|h)$'});
    expect(app.properties.roll.properties.keep).toMatchObject({type: 'integer', minimum: 2, default: 5});
  });
});
