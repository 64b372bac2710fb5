import * as z from 'zod';
import { configSchema, includedSchema } from './config.ts';

/** The parts of JSON Schema draft 7 that the schema of the file uses. */
export interface JsonSchema {
  readonly $schema?: string;
  readonly $ref?: string;
  readonly definitions?: Readonly<Record<string, JsonSchema>>;
  readonly title?: string;
  readonly description?: string;
  /** Shown instead of the description by editors that render markdown. */
  readonly markdownDescription?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly pattern?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly anyOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly propertyNames?: JsonSchema;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly defaultSnippets?: readonly Snippet[];
}

/** What the YAML language server offers to insert. */
interface Snippet {
  readonly label: string;
  readonly description: string;
  readonly body: unknown;
}

/** The schema of the file without additions for editors: the source of docs/configuration.md. */
export function plainJsonSchema(schema: z.ZodType = configSchema): JsonSchema {
  return z.toJSONSchema(schema, {
    io: 'input',
    target: 'draft-7',
    // The library drops the metadata of transformed values, such as durations and sizes.
    override: ({ zodSchema, jsonSchema }) => {
      const { default: fallback, examples } = z.globalRegistry.get(zodSchema) ?? {};
      if (fallback !== undefined) jsonSchema.default = fallback as typeof jsonSchema.default;
      if (Array.isArray(examples)) jsonSchema.examples = examples;
    },
  }) as JsonSchema;
}

/**
 * The JSON Schema for editors. Draft 7, which every YAML language server reads. A `${…}` substitution is allowed for every scalar,
 * since its value is checked when the file is loaded.
 */
export function editorJsonSchema(): JsonSchema {
  return forLanguageServers(plainJsonSchema());
}

/** The same for files that `include` names. */
export function includedJsonSchema(): JsonSchema {
  return forLanguageServers(plainJsonSchema(includedSchema));
}

function forLanguageServers({ $schema, ...schema }: JsonSchema): JsonSchema {
  return {
    $schema,
    ...forEditors(schema, ''),
    definitions: { ...schema.definitions, substitution: SUBSTITUTION },
  };
}

const SUBSTITUTION: JsonSchema = {
  description: 'A value from the environment (`${NAME}`, `${NAME:-default}`) or a file (`${file:/path}`).',
  type: 'string',
  pattern: '\\$\\{[^}]+\\}',
};
const SUBSTITUTION_REF: JsonSchema = { $ref: '#/definitions/substitution' };

/** By place; `*` is any name or index. */
const SNIPPETS: Readonly<Record<string, Snippet>> = {
  'issuers.*': {
    label: 'issuer',
    description: 'A trusted issuer whose keys are found by discovery.',
    body: { issuer: 'https://${1:issuer.example.com}', audiences: ['${2:https://api.example.com}'] },
  },
  'upstreams.*': {
    label: 'upstream',
    description: 'A backend.',
    body: { url: 'http://${1:127.0.0.1:3000}' },
  },
  'routes.*': {
    label: 'route',
    description: 'A guarded route.',
    body: {
      name: '${1:name}',
      path: '/${2:path}',
      upstream: '${3:upstream}',
      access: { scopes: ['${4:scope}'] },
    },
  },
};

/** One of these sets of keys, by place; the loader has a rule for it. */
const NEEDS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  'tests.*': [['request', 'expect'], ['each']],
};

function forEditors(schema: JsonSchema, place: string): JsonSchema {
  const {
    description,
    default: fallback,
    examples,
    anyOf,
    items,
    properties,
    additionalProperties,
    ...rest
  } = schema;
  const snippet = SNIPPETS[place];
  const needs = NEEDS[place]?.map((required) => ({ required }));
  const branches = anyOf?.map((branch) => forEditors(branch, place));
  const shown = {
    ...(description !== undefined && { description }),
    ...(description?.includes('`') && { markdownDescription: description }),
    // The default `{}` only means that the keys inside have defaults.
    ...(fallback !== undefined && JSON.stringify(fallback) !== '{}' && { default: fallback }),
    ...(examples !== undefined && { examples }),
    ...(snippet !== undefined && { defaultSnippets: [snippet] }),
  };
  if (isConstrainedScalar(schema)) return { ...shown, anyOf: [rest, SUBSTITUTION_REF] };
  return {
    ...shown,
    ...rest,
    ...(needs !== undefined && { anyOf: needs }),
    ...(branches !== undefined && { anyOf: withoutNesting(branches) }),
    ...(items !== undefined && { items: forEditors(items, join(place, '*')) }),
    ...(properties !== undefined && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([key, value]) => [key, forEditors(value, join(place, key))]),
      ),
    }),
    ...(additionalProperties !== undefined && {
      additionalProperties:
        typeof additionalProperties === 'boolean'
          ? additionalProperties
          : forEditors(additionalProperties, join(place, '*')),
    }),
  };
}

/** One substitution for a whole union, not one in each branch: editors show branches. */
function withoutNesting(branches: readonly JsonSchema[]): readonly JsonSchema[] {
  const flat = branches.flatMap((branch) =>
    branch.anyOf?.includes(SUBSTITUTION_REF)
      ? branch.anyOf.filter((part) => part !== SUBSTITUTION_REF)
      : [branch],
  );
  return flat.length === branches.length && !branches.some(({ anyOf }) => anyOf?.includes(SUBSTITUTION_REF))
    ? flat
    : [...flat, SUBSTITUTION_REF];
}

function isConstrainedScalar({ type, enum: choices, const: constant, pattern, format }: JsonSchema): boolean {
  if (type === 'number' || type === 'integer' || type === 'boolean') return true;
  return (
    type === 'string' && [choices, constant, pattern, format].some((constraint) => constraint !== undefined)
  );
}

function join(place: string, step: string): string {
  return place === '' ? step : `${place}.${step}`;
}
