import type { JsonSchema } from '../src/config/schema/json-schema.ts';

/** Writes docs/configuration.md: one section per mapping of the file, one row per key. */
export function configurationReference(schema: JsonSchema): string {
  const sections = writeSections(sectionsOf(schema, ''));
  return `${INTRODUCTION}\n${sections.join('\n')}`;
}

const INTRODUCTION = `<!-- Written by \`npm run generate\` from src/config/schema/config.ts. Edit there. -->

# The configuration file

One YAML file defines which issuers are trusted, which routes lead to which backend, and who may use them. Sealgate reads
the file named by \`-c\` or \`SEALGATE_CONFIG\`, else \`gateway.yaml\` or \`config/gateway.yaml\` in the current folder; if both
exist, name one. \`sealgate check\` (or \`validate\`) shows all its problems at once, with line and column. \`sealgate schema >gateway.schema.json\` writes its JSON Schema; with a first line of
\`# yaml-language-server: $schema=./gateway.schema.json\` editors then complete and explain keys.

## What \`check\` reports

Each problem is one line, \`file:line:column: error: KEY.PATH: message\`, usually with a hint below it:

| severity | means |
|---|---|
| \`error\` | the file cannot be used: a value is invalid, or nothing can ever match it |
| \`warning\` | most likely a mistake, or a setting that opens something; \`--strict\` makes it an error |
| \`note\` | for review, such as every public route; never an error |

Everything is reported at once: errors of single values, of rules over several keys, of conditions and presets, and the
\`tests\` of the file, except those whose outcome depends on the errors; they count as not run.

Values from other tools that have no meaning here are found too: \`{id}\` in a path (write \`:id\`), \`ANY\` as a method
(leave \`methods\` out), \`realm_access.roles\` as a claim (write \`[realm_access, roles]\`), \`$NAME\` (write \`\${NAME}\`), and quotes,
blanks or carriage returns in the value of a variable.

## How values are written

| value | written |
|---|---|
| duration | a number and its unit: \`500ms\`, \`30s\`, \`10m\`, \`24h\`, \`7d\` |
| size | a number and its unit: \`512B\`, \`16KiB\`, \`10MiB\`, \`1GiB\` |
| file | a path, relative to the folder of the configuration file |
| claim | a string is one literal name, dots included; a list is a path into nested objects: \`[realm_access, roles]\` |
| from the environment | \`\${NAME}\`, or \`\${NAME:-default}\` if it may be missing or empty; a missing variable is an error |
| from a file | \`\${file:/run/secrets/name}\`; one final newline is dropped |
| a literal \`\${\` | \`$\${\` |

Every command that reads the file takes \`--env-file FILE\` with variables as \`NAME=value\` lines; they take precedence over the
environment. It is read once, at the start. Node reads this option, too: if the file is missing, Node prints
\`FILE: not found\` and exits with 9.

Substitutions work in values, not in keys, and never add structure. A value that is one whole substitution gets the type
of its key, such as a number for a port; if both string and number are allowed, it is a string. Inside
\`[ ]\` and \`{ }\` it needs quotes: \`["\${NAME}"]\`.

Refused, with the place: unknown and duplicate keys, several documents, tags, merge keys (\`<<\`), anything the YAML parser
warns of, numbers that do not print back as written (\`1.50\`, \`0x1f\`, \`12345678901234567890\`: quote them),
durations and sizes without their unit, and empty or null blocks, lists and conditions. Anchors and aliases work.
A key of this format that this version does not implement is reported as not supported.

## Which route a request takes

The order in the file never matters. A route with the request's host precedes one without. Then paths are
compared segment by segment from the left: literal text before a \`:parameter\`, then the longer path, then \`exact\`.
The path decides before the method: a request never falls through to a less specific path because of its method, but
gets a 405. Two routes of one host and path must differ in their methods; otherwise the file is invalid.
`;

interface Section {
  readonly place: string;
  readonly schema: JsonSchema;
}

function sectionsOf(schema: JsonSchema, place: string): readonly Section[] {
  const branches = schema.anyOf ?? [];
  const nested = [
    ...(schema.properties === undefined ? [] : [{ place, schema }]),
    ...Object.entries(schema.properties ?? {}).flatMap(([key, value]) =>
      sectionsOf(value, place === '' ? key : `${place}.${key}`),
    ),
    ...(schema.items === undefined ? [] : sectionsOf(schema.items, `${place}[]`)),
    ...(typeof schema.additionalProperties === 'object'
      ? sectionsOf(schema.additionalProperties, `${place}.NAME`)
      : []),
    ...branches.flatMap((branch) => sectionsOf(branch, place)),
  ];
  return nested;
}

/** A list of blocks has the same keys as one block. The same keys at another place are written once, with those below, and linked. */
function writeSections(sections: readonly Section[]): readonly string[] {
  const places = new Map<string, string>();
  const written: string[] = [];
  const linked: string[] = [];
  return sections.flatMap(({ place, schema }) => {
    const keys = JSON.stringify(schema.properties);
    const known = places.get(keys);
    if (known === undefined) {
      places.set(keys, place);
      written.push(place);
      return [writeSection({ place, schema })];
    }
    const isBelow = [...linked, ...written.map((other) => `${other}[]`)].some((other) =>
      place.startsWith(other),
    );
    if (isBelow || `${known}[]` === place) return [];
    linked.push(place);
    return [writeLink({ place, schema }, known)];
  });
}

function writeLink({ place, schema }: Section, to: string): string {
  const lead = schema.description === undefined ? [] : [schema.description, ''];
  const anchor = to.toLowerCase().replace(/[^a-z0-9_-]/g, '');
  return [
    `## \`${place}\``,
    '',
    ...lead,
    `Has the keys of [\`${to}\`](#${anchor}), and those below them.`,
    '',
  ].join('\n');
}

function writeSection({ place, schema }: Section): string {
  const rows = Object.entries(schema.properties ?? {}).map(([key, value]) => {
    const isMandatory = schema.required?.includes(key) === true;
    return `| \`${key}\` | ${typeOf(value)} | ${isMandatory ? '**mandatory**' : defaultOf(value)} | ${describe(value)} |`;
  });
  const title = place === '' ? 'The top level' : `\`${place}\``;
  const lead = place === '' || schema.description === undefined ? [] : [schema.description, ''];
  return [`## ${title}`, '', ...lead, '| key | type | default | |', '|---|---|---|---|', ...rows, ''].join(
    '\n',
  );
}

function describe({ description = '', examples = [] }: JsonSchema): string {
  const shown = examples.map((example) => `\`${cell(inline(example))}\``).join(', ');
  return [cell(description), ...(shown === '' ? [] : [`Such as ${shown}.`])].join(' ');
}

function defaultOf({ default: fallback, properties }: JsonSchema): string {
  if (fallback === undefined || properties !== undefined) return '';
  return isEmpty(fallback) ? 'none' : `\`${cell(inline(fallback))}\``;
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

function typeOf(schema: JsonSchema): string {
  const { anyOf, enum: choices, type, items, properties, additionalProperties } = schema;
  if (anyOf !== undefined) return [...new Set(anyOf.map(typeOf))].join(' or ');
  if (schema.const !== undefined) return `\`${String(schema.const)}\``;
  if (choices !== undefined) return choices.map((choice) => `\`${String(choice)}\``).join(' or ');
  if (schema.pattern?.includes('KiB')) return 'size';
  if (schema.pattern?.includes('ms|')) return 'duration';
  if (schema.format === 'uri') return 'URL';
  if (items !== undefined) return `list of ${plural(typeOf(items))}`;
  if (properties !== undefined) return 'mapping';
  if (typeof additionalProperties === 'object')
    return `mapping of names to ${plural(typeOf(additionalProperties))}`;
  if (Array.isArray(type)) return type.map((each) => WORDS[each] ?? each).join(' or ');
  return `${WORDS[String(type)] ?? 'any'}${rangeOf(schema)}`;
}

const WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'whole number',
  number: 'number',
  boolean: '`true` or `false`',
  null: '`null`',
};

function rangeOf({ type, minimum, maximum }: JsonSchema): string {
  if (type !== 'integer' || minimum === undefined) return '';
  return maximum === undefined || maximum === Number.MAX_SAFE_INTEGER
    ? ` from ${minimum}`
    : ` ${minimum}–${maximum}`;
}

function plural(type: string): string {
  if (type === 'text' || type === 'mapping') return `${type}s`;
  return type.includes(' or ') && !type.startsWith('`') ? `(${type})` : type;
}

/** YAML on one line. */
function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(([key, item]) => `${key}: ${inline(item)}`);
    return `{ ${entries.join(', ')} }`;
  }
  return String(value);
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
