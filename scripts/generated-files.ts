import { editorJsonSchema, plainJsonSchema } from '../src/config/schema/json-schema.ts';
import { advicePage } from './advice-page.ts';
import { configurationReference } from './configuration-reference.ts';

/** The files that follow from the schema and the tables of the code, by their path from the project's folder. */
export function generatedFiles(): ReadonlyMap<string, string> {
  return new Map([
    ['config/gateway.schema.json', `${JSON.stringify(editorJsonSchema(), null, 2)}\n`],
    ['docs/advice.md', advicePage()],
    ['docs/configuration.md', configurationReference(plainJsonSchema())],
  ]);
}
