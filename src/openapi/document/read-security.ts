import { SCOPE_TOKEN } from '../../core/scopes.ts';
import type { SpecEntry, SpecNode } from '../source/spec-node.ts';
import type { Alternative, Security } from './api-document.ts';
import { type SpecReader, TooMuch } from './spec-reader.ts';

/** A security scheme as far as tokens go. */
export type Scheme =
  | { readonly kind: 'scopes' | 'bearer'; readonly remark?: string }
  /** What a request of it has, such as `an API key`. */
  | { readonly kind: 'foreign'; readonly needs: string };

const MAX_ALTERNATIVES = 64;
const MAX_SCOPES = 256;

/** Reads `security`, of the document or of an operation (OpenAPI 3.1.0 §4.8.30); a list that many share is read once. */
export function createSecurityReader(reader: SpecReader, schemes: ReadonlyMap<string, Scheme>) {
  const known = new Map<unknown, Security>();
  return (entry: SpecEntry | undefined): Security | undefined => {
    if (entry === undefined) return undefined;
    const { identity } = entry.value;
    const security = known.get(identity) ?? readSecurity(entry.value, reader, schemes);
    known.set(identity, security);
    return security;
  };
}

type Read = Alternative | 'anonymous' | { readonly unsayable: string };

function readSecurity(node: SpecNode, reader: SpecReader, schemes: ReadonlyMap<string, Scheme>): Security {
  const requirements = reader.listOf(node, 'a list of requirements');
  if (requirements === undefined) return { kind: 'silent' };
  if (requirements.length === 0) return { kind: 'public' };
  if (requirements.length > MAX_ALTERNATIVES) throw new TooMuch('an operation has too many alternatives');
  const remarks: string[] = [];
  const read = requirements.map((requirement) => readRequirement(requirement, { reader, schemes, remarks }));
  const alternatives = read.filter((one): one is Alternative => typeof one === 'object' && 'scopes' in one);
  const unsayable = read.flatMap((one) =>
    typeof one === 'object' && 'unsayable' in one ? one.unsayable : [],
  );
  const allowsAnonymous = read.includes('anonymous');
  if (allowsAnonymous && alternatives.length === 0 && unsayable.length === 0) return { kind: 'public' };
  return {
    kind: 'rules',
    allowsAnonymous,
    alternatives,
    unsayable: [...new Set(unsayable)],
    remarks: [...new Set(remarks)],
  };
}

/** All schemes of a requirement must hold, on one request, which has one token. */
function readRequirement(
  node: SpecNode,
  {
    reader,
    schemes,
    remarks,
  }: {
    readonly reader: SpecReader;
    readonly schemes: ReadonlyMap<string, Scheme>;
    readonly remarks: string[];
  },
): Read {
  const required = reader.mapOf(node, 'a requirement: names of schemes with their scopes');
  if (required === undefined) return { unsayable: 'a requirement that is none' };
  if (required.size === 0) return 'anonymous';
  const scopes = new Set<string>();
  const roles = new Set<string>();
  let namesScopes = false;
  const unsayable: string[] = [];
  for (const [name, { value }] of required) {
    const scheme = schemes.get(name) ?? {
      kind: 'foreign',
      needs: `the scheme \`${name}\`, which is not defined`,
    };
    const names = (reader.listOf(value, 'a list of scopes') ?? []).flatMap(
      (item) => reader.textOf(item, 'a scope') ?? [],
    );
    if (names.length > MAX_SCOPES) throw new TooMuch('a requirement has too many scopes');
    if (scheme.kind === 'foreign') {
      unsayable.push(scheme.needs);
      continue;
    }
    if (scheme.remark !== undefined) remarks.push(scheme.remark);
    const impossible = scheme.kind === 'scopes' && names.find((scope) => !SCOPE_TOKEN.test(scope));
    if (impossible !== false && impossible !== undefined)
      unsayable.push(`the scope \`${impossible}\`, which no token can have`);
    if (names.includes('')) unsayable.push('a role without a name');
    namesScopes ||= scheme.kind === 'scopes';
    // Beside scopes, names are those of roles (OpenAPI 3.1.0 §4.8.30).
    for (const one of names) (scheme.kind === 'scopes' ? scopes : roles).add(one);
  }
  if (unsayable.length > 0) {
    const others = required.size - unsayable.length;
    return { unsayable: `${unsayable.join(' and ')}${others > 0 ? ', together with a token' : ''}` };
  }
  if (required.size > 1)
    remarks.push(`${[...required.keys()].join(' and ')} together: all of it on one token`);
  return { scopes: [...scopes], roles: [...roles], namesScopes };
}
