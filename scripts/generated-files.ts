import { editorJsonSchema, includedJsonSchema, plainJsonSchema } from '../src/config/schema/json-schema.ts';
import { advicePage } from './advice-page.ts';
import { configurationReference } from './configuration-reference.ts';

/** The files generated from the schema and the code's tables, by path from the project's root. */
export function generatedFiles(): ReadonlyMap<string, string> {
  return new Map([
    ['config/gateway.schema.json', `${JSON.stringify(editorJsonSchema(), null, 2)}\n`],
    ['config/included.schema.json', `${JSON.stringify(includedJsonSchema(), null, 2)}\n`],
    ['docs/advice.md', advicePage()],
    ['docs/configuration.md', configurationReference(plainJsonSchema())],
  ]);
}
