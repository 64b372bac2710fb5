import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { editorJsonSchema } from '../../config/schema/json-schema.ts';

const IN_PACKAGE = 'node_modules/sealgate/config/gateway.schema.json';
const BESIDE = 'gateway.schema.json';

/**
 * Where editors find the schema, relative to the new file: in the installed package, or else beside the file, where it is written if
 * nothing is there.
 */
export function placeSchema(file: string): {
  readonly reference: string;
  readonly written: string | undefined;
} {
  const folder = dirname(resolve(file));
  for (let above = folder; ; above = dirname(above)) {
    const installed = join(above, IN_PACKAGE);
    if (existsSync(installed)) {
      const path = relative(folder, installed).replaceAll('\\', '/');
      return { reference: path.startsWith('.') ? path : `./${path}`, written: undefined };
    }
    if (above === dirname(above)) break;
  }
  const beside = join(folder, BESIDE);
  const reference = `./${BESIDE}`;
  if (existsSync(beside)) return { reference, written: undefined };
  writeFileSync(beside, `${JSON.stringify(editorJsonSchema(), null, 2)}\n`, { flag: 'wx' });
  return { reference, written: join(dirname(file), BESIDE) };
}
