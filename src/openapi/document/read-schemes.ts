import type { SpecEntry, SpecNode } from '../source/spec-node.ts';
import type { IssuerHints } from './api-document.ts';
import type { Scheme } from './read-security.ts';
import type { SpecReader } from './spec-reader.ts';

export interface Schemes {
  readonly byName: ReadonlyMap<string, Scheme>;
  readonly hints: IssuerHints;
}

/** Reads `components.securitySchemes` (OpenAPI 3.1.0 §4.8.27). */
export function readSchemes(reader: SpecReader, document: ReadonlyMap<string, SpecEntry>): Schemes {
  const byName = new Map<string, Scheme>();
  const issuers = new Set<string>();
  const origins = new Set<string>();
  const components = document.get('components')?.value;
  const listed = components && reader.mapOf(components, 'a mapping')?.get('securitySchemes')?.value;
  for (const [name, { value }] of (listed && reader.mapOf(listed, 'schemes by name')) ?? []) {
    const target = reader.follow(value);
    if ('reason' in target) {
      byName.set(name, { kind: 'foreign', needs: `the scheme \`${name}\`: ${target.reason}` });
      continue;
    }
    const fields = reader.mapOf(target.node, 'a security scheme');
    if (fields === undefined) continue;
    byName.set(name, readScheme(name, fields, reader));
    collectHints(fields, { issuers, origins, reader });
  }
  return { byName, hints: { issuers: [...issuers], origins: [...origins] } };
}

function readScheme(name: string, fields: ReadonlyMap<string, SpecEntry>, reader: SpecReader): Scheme {
  const field = (key: string): string => {
    const value = fields.get(key)?.value;
    return value === undefined ? '' : (reader.textOf(value, 'a text') ?? '');
  };
  const type = field('type');
  const scheme = field('scheme').toLowerCase();
  if (type === 'oauth2' || type === 'openIdConnect') return { kind: 'scopes' };
  if (type === 'http' && scheme === 'bearer') return { kind: 'bearer' };
  if (type === 'http')
    return foreign(name, scheme === 'basic' ? 'HTTP Basic' : `HTTP ${scheme || 'without scheme'}`);
  if (type === 'mutualTLS') return foreign(name, 'a client certificate');
  if (type !== 'apiKey') return foreign(name, type === '' ? 'no type' : `the type \`${type}\``);
  const isAuthorization = field('in') === 'header' && field('name').toLowerCase() === 'authorization';
  if (!isAuthorization) return foreign(name, `an API key in ${field('in') || 'an unknown place'}`);
  return { kind: 'bearer', remark: `\`${name}\` is an API key in Authorization: taken for a bearer token` };
}

function foreign(name: string, what: string): Scheme {
  return { kind: 'foreign', needs: `\`${name}\` (${what})` };
}

const DISCOVERY = /\/\.well-known\/(?:openid-configuration|oauth-authorization-server)$/;

function collectHints(
  fields: ReadonlyMap<string, SpecEntry>,
  {
    issuers,
    origins,
    reader,
  }: { readonly issuers: Set<string>; readonly origins: Set<string>; readonly reader: SpecReader },
): void {
  const url = urlOf(fields.get('openIdConnectUrl')?.value);
  if (url !== undefined && DISCOVERY.test(url)) issuers.add(url.replace(DISCOVERY, ''));
  const flows = fields.get('flows')?.value;
  if (flows === undefined) return;
  for (const [name, { value }] of reader.mapOf(flows, 'OAuth flows') ?? []) {
    if (name.startsWith('x-')) continue;
    const flow = reader.mapOf(value, 'an OAuth flow');
    const endpoint = urlOf(flow?.get('tokenUrl')?.value) ?? urlOf(flow?.get('authorizationUrl')?.value);
    if (endpoint !== undefined) origins.add(new URL(endpoint).origin);
  }
}

/** Only what can stand in a file as it is. */
const PLAIN_URL = /^https:\/\/[a-z0-9.-]+(?::\d{1,5})?(?:\/[\w.~-]+)*\/?$/i;

function urlOf(node: SpecNode | undefined): string | undefined {
  return node?.kind === 'text' && PLAIN_URL.test(node.text) && URL.canParse(node.text)
    ? node.text
    : undefined;
}
