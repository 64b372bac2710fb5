import { normalizeHost } from '../../core/network/host.ts';
import type { SpecEntry, SpecNode } from '../source/spec-node.ts';
import type { Address } from './api-document.ts';
import { decode } from './read-path.ts';
import { type SpecReader, TooMuch } from './spec-reader.ts';

export interface Servers {
  /** Empty where none can be expressed. */
  readonly addresses: readonly Address[];
  readonly remarks: readonly string[];
}

const MAX_URLS = 1_000;
/** Of the document itself: its own address, whatever that is (OpenAPI 3.1.0 §4.8.1). */
export const HERE: Servers = { addresses: [{ host: undefined, base: [] }], remarks: [] };

/** Reads `servers`, of the document, a path or an operation (OpenAPI 3.1.0 §4.8.5); a list that many share is read once. */
export function createServersReader(reader: SpecReader) {
  const known = new Map<unknown, Servers>();
  return (entry: SpecEntry | undefined): Servers | undefined => {
    if (entry === undefined) return undefined;
    const { value } = entry;
    const servers = known.get(value.identity) ?? readServers(value, reader);
    known.set(value.identity, servers);
    return servers;
  };
}

function readServers(node: SpecNode, reader: SpecReader): Servers {
  const remarks: string[] = [];
  const addresses = new Map<string, Address>();
  const servers = reader.listOf(node, 'a list of servers');
  if (servers === undefined || servers.length === 0) return HERE;
  for (const server of servers) {
    const fields = reader.mapOf(server, 'a server');
    const written = fields?.get('url')?.value;
    if (fields === undefined) continue;
    if (written === undefined) {
      reader.report(server, 'a server without `url`');
      continue;
    }
    const url = reader.textOf(written, 'a URL');
    if (url === undefined) continue;
    for (const one of expand(url, fields.get('variables')?.value, { reader, remarks })) {
      const address = addressOf(one);
      if (typeof address === 'string') remarks.push(`the server \`${one}\` is left out: ${address}`);
      else addresses.set(JSON.stringify(address), address);
    }
  }
  return { addresses: [...addresses.values()], remarks: [...new Set(remarks)] };
}

/** Puts the values of variables in place: all of an `enum`, else the default, since any other value would be a guess. */
function expand(
  url: string,
  variables: SpecNode | undefined,
  { reader, remarks }: { readonly reader: SpecReader; readonly remarks: string[] },
): readonly string[] {
  const defined = variables && reader.mapOf(variables, 'variables by name');
  const names = new Set([...url.matchAll(/\{([^{}]*)\}/g)].map(([, name = '']) => name));
  let urls: readonly string[] = [url];
  for (const name of names) {
    const variable = defined?.get(name)?.value;
    const fields = variable && reader.mapOf(variable, 'a variable');
    const values = valuesOf(fields, reader);
    if (values.length === 0) {
      remarks.push(`the server \`${url}\` is left out: its variable \`${name}\` has no value`);
      return [];
    }
    if (fields?.get('enum') === undefined) {
      remarks.push(
        `the variable \`${name}\` of the server \`${url}\` is taken as its default, \`${values[0]}\``,
      );
    }
    urls = urls.flatMap((one) => values.map((value) => one.replaceAll(`{${name}}`, () => value)));
    if (urls.length > MAX_URLS) throw new TooMuch('a server has too many values of variables');
  }
  return urls;
}

function valuesOf(fields: ReadonlyMap<string, SpecEntry> | undefined, reader: SpecReader): readonly string[] {
  const listed = fields?.get('enum')?.value;
  const scalar = (node: SpecNode) =>
    node.kind === 'number' ? node.text : (reader.textOf(node, 'a text') ?? '');
  if (listed !== undefined) {
    const values = (reader.listOf(listed, 'a list of values') ?? []).map(scalar);
    if (values.length > MAX_URLS) throw new TooMuch('a variable has too many values');
    return values;
  }
  const value = fields?.get('default')?.value;
  return value === undefined ? [] : [scalar(value)];
}

/** The address, or why it cannot be that of a route. */
function addressOf(url: string): Address | string {
  const [, authority, path = ''] = /^(?:(?:https?:)?\/\/([^/?#]*))?(.*)$/is.exec(url) ?? [];
  if (/^[a-z][a-z0-9+.-]*:/i.test(path)) return 'it is no HTTP address';
  if (/[?#]/.test(path)) return 'it has a query or a fragment';
  const host = authority === undefined ? undefined : normalizeHost(authority);
  if (authority !== undefined && host === undefined) return 'its host is no name or address';
  const base: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '') continue;
    const decoded = decode(segment);
    if (decoded === undefined) return 'its path cannot be that of a route';
    base.push(decoded);
  }
  if (/\/\/./.test(path)) return 'its path has empty segments';
  return { host, base };
}
