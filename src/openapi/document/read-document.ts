import { isProblem, openSpec } from '../source/open-spec.ts';
import type { SpecEntry, SpecNode, SpecProblem } from '../source/spec-node.ts';
import type { ApiDocument, Gap, Operation } from './api-document.ts';
import { readPath } from './read-path.ts';
import { readSchemes } from './read-schemes.ts';
import { createSecurityReader } from './read-security.ts';
import { createServersReader, HERE, type Servers } from './read-servers.ts';
import { createSpecReader, type SpecReader, TooMuch } from './spec-reader.ts';

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'] as const;
/** As many as a gateway is meant to have routes, and some more. */
const MAX_OPERATIONS = 20_000;

/** Reads an OpenAPI document, 3.0 or 3.1, or lists what is wrong with it. Nothing but the file is opened. */
export function readDocument(file: string): ApiDocument | readonly SpecProblem[] {
  const root = openSpec(file);
  if (isProblem(root)) return [root];
  const reader = createSpecReader(root);
  try {
    const document = readRoot(file, reader);
    return document === undefined || reader.problems.length > 0 ? reader.problems : document;
  } catch (error) {
    if (!(error instanceof TooMuch)) throw error;
    return [{ line: 1, column: 1, message: error.message, hint: 'split it into several documents' }];
  }
}

export function isDocument(outcome: ApiDocument | readonly SpecProblem[]): outcome is ApiDocument {
  return !Array.isArray(outcome);
}

function readRoot(file: string, reader: SpecReader): ApiDocument | undefined {
  const document = reader.mapOf(reader.root, 'an OpenAPI document');
  if (document === undefined || !hasKnownVersion(document, reader)) return undefined;
  const paths = document.get('paths')?.value;
  const items = paths && reader.mapOf(paths, 'paths');
  if (items === undefined)
    return paths === undefined ? reader.report(reader.root, 'the document has no `paths`') : undefined;
  const { byName, hints } = readSchemes(reader, document);
  const readSecurity = createSecurityReader(reader, byName);
  const readServers = createServersReader(reader);
  const remarks = new Set<string>();
  const note = (servers: Servers | undefined): Servers | undefined => {
    for (const remark of servers?.remarks ?? []) remarks.add(remark);
    return servers;
  };
  const common = {
    security: readSecurity(document.get('security')),
    servers: note(readServers(document.get('servers'))),
  };
  const entries: (Operation | Gap)[] = [];
  for (const [template, entry] of items) {
    if (!template.startsWith('x-')) readItem(template, entry);
  }
  const title = document
    .get('info')
    ?.value.entries()
    .find(({ name }) => name === 'title')?.value;
  return {
    file,
    title: title?.kind === 'text' ? title.text : undefined,
    entries,
    issuers: hints,
    remarks: [...remarks],
  };

  function readItem(template: string, entry: SpecEntry): void {
    const target = reader.follow(entry.value);
    const path = readPath(template);
    if ('reason' in target) {
      const { addresses } = common.servers ?? HERE;
      add(gap({ template, method: undefined, addresses, path, reason: target.reason }, entry));
      return;
    }
    const item = reader.mapOf(target.node, 'the operations of a path');
    if (item === undefined) return;
    if (target.node !== entry.value && hasOperations(entry.value)) {
      const hint = 'which of them count is not defined: write them in one place';
      reader.report(entry, `\`${template}\` has operations beside its \`$ref\``, hint);
    }
    const servers = note(readServers(item.get('servers'))) ?? common.servers ?? HERE;
    for (const name of METHODS) {
      const written = item.get(name);
      if (written !== undefined)
        readOperation({ template, method: name.toUpperCase(), path, servers, written });
    }
  }

  function readOperation({
    servers,
    written,
    ...where
  }: Pick<Operation, 'template' | 'method' | 'path'> & {
    readonly servers: Servers;
    readonly written: SpecEntry;
  }): void {
    const fields = reader.mapOf(written.value, 'an operation');
    if (fields === undefined) return;
    const { addresses } = note(readServers(fields.get('servers'))) ?? servers;
    const reason = whyUnread(where.method, fields, addresses);
    if (reason !== undefined) {
      add(gap({ ...where, addresses, reason }, written));
      return;
    }
    const id = fields.get('operationId')?.value;
    add({
      kind: 'operation',
      place: written.place(),
      ...where,
      addresses,
      id: id?.kind === 'text' ? id.text : undefined,
      security: readSecurity(fields.get('security')) ?? common.security ?? { kind: 'silent' },
    });
  }

  function add(entry: Operation | Gap): void {
    entries.push(entry);
    if (entries.length > MAX_OPERATIONS)
      throw new TooMuch(`the document has more than ${MAX_OPERATIONS} operations`);
  }

  function hasOperations(node: SpecNode): boolean {
    return node.entries().some(({ name }) => METHODS.some((method) => method === name));
  }
}

function whyUnread(
  method: string,
  fields: ReadonlyMap<string, SpecEntry>,
  addresses: Operation['addresses'],
): string | undefined {
  if (fields.has('$ref')) return 'an operation has no `$ref`';
  if (method === 'TRACE') return 'TRACE is never forwarded';
  return addresses.length === 0 ? 'none of its servers can be that of a route' : undefined;
}

function gap(fields: Omit<Gap, 'kind' | 'place'>, { place }: SpecEntry): Gap {
  return { kind: 'gap', place: place(), ...fields };
}

function hasKnownVersion(document: ReadonlyMap<string, SpecEntry>, reader: SpecReader): boolean {
  const swagger = document.get('swagger');
  if (swagger !== undefined) {
    reader.report(
      swagger,
      'this is Swagger 2.0, not OpenAPI 3',
      'convert it first, such as with `npx swagger2openapi --outfile openapi.json FILE`',
    );
    return false;
  }
  const version = document.get('openapi');
  if (version === undefined) {
    reader.report(
      reader.root,
      'this is no OpenAPI document: it has no `openapi`',
      'expected `openapi: 3.0.x` or `3.1.x`',
    );
    return false;
  }
  const isKnown = /^3\.[01](?:\.\d+)?(?:-[\w.]+)?$/.test(version.value.text);
  if (!isKnown) reader.report(version.value, `expected OpenAPI 3.0 or 3.1, not \`${version.value.text}\``);
  return isKnown;
}
