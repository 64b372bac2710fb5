import { editorJsonSchema } from '../config/schema/json-schema.ts';
import type { CommandIo } from './io.ts';

/** `sealgate schema`: the JSON Schema of the file on stdout. */
export function runSchema({ stdout }: Pick<CommandIo, 'stdout'>): number {
  stdout.write(`${JSON.stringify(editorJsonSchema(), null, 2)}\n`);
  return 0;
}
