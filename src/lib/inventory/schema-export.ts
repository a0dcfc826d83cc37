import * as z from 'zod';
import {inventorySchema as inventory} from './inventory-schema.js';
import {projectSchema as project} from './project-schema.js';

type JsonSchema = Readonly<Record<string, unknown>>;

function describe(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, {
    target: 'draft-7',
    io: 'input',
    // The generator drops these two where a value is transformed; ours are written as in the file.
    override({zodSchema, jsonSchema}) {
      const {examples, default: byDefault} = z.globalRegistry.get(zodSchema) ?? {};
      if (examples !== undefined) jsonSchema.examples = examples as z.core.JSONSchema.JSONSchema['examples'];
      if (byDefault !== undefined) jsonSchema.default = byDefault as z.core.JSONSchema.JSONSchema['default'];
    },
  });
}

/** What an editor needs to complete and check inventory.yml, as JSON Schema draft 7. */
export function inventorySchema(): JsonSchema {
  return describe(inventory);
}

/** What an editor needs to complete and check drover.yml, as JSON Schema draft 7. */
export function projectSchema(): JsonSchema {
  return describe(project);
}

/** File name below `schema/` -> its text. */
export function schemaFiles(): Record<string, string> {
  const write = (schema: JsonSchema): string => `${JSON.stringify(schema, null, 2)}\n`;
  return {'inventory.schema.json': write(inventorySchema()), 'drover.schema.json': write(projectSchema())};
}
