import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import t from 'tap';
import { generatedFiles } from '../../scripts/generated-files.ts';
import { type JsonSchema, plainJsonSchema } from '../../src/config/schema/json-schema.ts';

const root = resolve(import.meta.dirname, '../..');

t.test('the generated files are those of the schema; else run `npm run generate`', async (t) => {
  for (const [path, text] of generatedFiles()) {
    t.equal(await readFile(resolve(root, path), 'utf8'), text, path);
  }
});

t.test('every key of the file has a description', async (t) => {
  t.same(undescribed(plainJsonSchema(), ''), []);
});

function undescribed(schema: JsonSchema, place: string): readonly string[] {
  const children = Object.entries(schema.properties ?? {});
  return [
    ...children.filter(([, child]) => !child.description).map(([key]) => `${place}.${key}`),
    ...children.flatMap(([key, child]) => undescribed(child, `${place}.${key}`)),
    ...(schema.anyOf ?? []).flatMap((branch) => undescribed(branch, place)),
    ...(schema.items === undefined ? [] : undescribed(schema.items, `${place}[]`)),
    ...(typeof schema.additionalProperties === 'object'
      ? undescribed(schema.additionalProperties, `${place}.*`)
      : []),
  ];
}
