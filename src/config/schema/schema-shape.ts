import type * as z from 'zod';
import type { ConfigPath } from '../problem.ts';

type Schema = z.core.$ZodType;

/** The keys that the object at `path` may have; empty where they are free. */
export function knownKeys(schema: Schema, path: ConfigPath): readonly string[] {
  return schemasAt(schema, path).flatMap((candidate) => Object.keys(shapeOf(candidate) ?? {}));
}

/** The description of the value at `path`. */
export function describeAt(schema: Schema, path: ConfigPath): string | undefined {
  return schemasAt(schema, path, { unwrap: false })
    .map((candidate) => (candidate as z.ZodType).description)
    .find((description) => description !== undefined);
}

function schemasAt(schema: Schema, path: ConfigPath, { unwrap } = { unwrap: true }): readonly Schema[] {
  const [step, ...rest] = path;
  if (step === undefined) return unwrap ? alternatives(schema) : [schema, ...alternatives(schema)];
  return alternatives(schema)
    .map((candidate) => childOf(candidate, step))
    .filter((child) => child !== undefined)
    .flatMap((child) => schemasAt(child, rest, { unwrap }));
}

/** Looks through what does not change how a value is written: defaults, unions, transforms. */
function alternatives(schema: Schema): readonly Schema[] {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'readonly':
      return alternatives(def.innerType);
    case 'pipe':
      return alternatives(def.in);
    case 'lazy':
      return alternatives(def.getter());
    case 'union':
      return def.options.flatMap(alternatives);
    default:
      return [schema];
  }
}

function childOf(schema: Schema, step: string | number): Schema | undefined {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  if (def.type === 'object') {
    return Object.hasOwn(def.shape, step) ? def.shape[String(step)] : undefined;
  }
  if (def.type === 'record') return def.valueType;
  if (def.type === 'array') return def.element;
  return undefined;
}

function shapeOf(schema: Schema): z.core.$ZodShape | undefined {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  return def.type === 'object' ? def.shape : undefined;
}
