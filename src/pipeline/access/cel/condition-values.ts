import type { ClientCertificate } from '../../../http/certificates/client-certificate.ts';
import { isDistinctScalar } from '../../../tokens/jwt/claim-values.ts';
import { isInexactNumber } from '../../../tokens/jwt/json/inexact-number.ts';
import { readClient } from '../../../tokens/jwt/read-claims.ts';
import { createTokenMemo } from '../../../tokens/token-memo.ts';
import type { VerifiedToken } from '../../../tokens/verified-token.ts';
import type { FilteredRequest } from '../../messages/request.ts';
import { holdsInexact, INEXACT } from './inexact-value.ts';

/** Values as the CEL engine takes them: integers as bigint, objects as maps. */
type CelValue =
  | (string | bigint | number | boolean | null)
  | (Uint8Array | CelValue[] | Map<string, CelValue> | CelTimestamp);

/** A moment, as the engine has it. */
class CelTimestamp {
  readonly $typeName = 'google.protobuf.Timestamp';
  readonly seconds: bigint;
  readonly nanos = 0;

  constructor(timeMs: number) {
    this.seconds = BigInt(Math.floor(timeMs / 1000));
  }

  toJSON(): string {
    return new Date(Number(this.seconds) * 1000).toISOString();
  }
}

/** The variables of a condition for one request. */
export interface ConditionBindings {
  readonly claims: Map<string, CelValue>;
  readonly token: Map<string, CelValue>;
  readonly request: Map<string, CelValue>;
  readonly params: Map<string, CelValue>;
}

/** Of the token alone, and whether a number in it stands for several values. */
interface TokenFacts {
  readonly bindings: Pick<ConditionBindings, 'claims' | 'token'>;
  readonly holdsInexact: boolean;
}

const NOTHING: Map<string, CelValue> = new Map();
const factsOfTokens = createTokenMemo<TokenFacts>();

/** Which variables a condition names, and which fields of `request`: each costs time to make. */
export interface Needed {
  readonly speaksOf: ReadonlySet<string>;
  readonly requestFields: ReadonlySet<string> | 'all';
}

/** Binds what the condition names; the rest stays empty. */
export function bindCondition(
  { speaksOf, requestFields }: Needed,
  token: VerifiedToken,
  request: FilteredRequest,
): { readonly bindings: ConditionBindings; readonly holdsInexact: boolean } {
  let facts = factsOfTokens.get(token);
  if (facts === undefined) {
    const claims = toMap(token.claims);
    facts = { bindings: { claims, token: describeToken(token) }, holdsInexact: holdsInexact(claims) };
    factsOfTokens.set(token, facts);
  }
  return {
    bindings: {
      ...facts.bindings,
      request: speaksOf.has('request') ? describeRequest(request, requestFields) : NOTHING,
      params: speaksOf.has('params') ? new Map(Object.entries(request.parameters)) : NOTHING,
    },
    holdsInexact: facts.holdsInexact,
  };
}

function toMap(object: Readonly<Record<string, unknown>>): Map<string, CelValue> {
  const map = new Map<string, CelValue>();
  for (const [name, value] of Object.entries(object)) {
    const converted = toCel(value);
    if (converted !== undefined) map.set(name, converted);
  }
  return map;
}

function toCel(value: unknown): CelValue | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') {
    if (!isDistinctScalar(value)) return INEXACT;
    return Number.isInteger(value) ? BigInt(value) : value;
  }
  if (Array.isArray(value)) return value.map((member) => toCel(member) ?? null);
  if (value instanceof CelTimestamp) return value;
  if (typeof value !== 'object') return undefined;
  if (isInexactNumber(value)) return INEXACT;
  return toMap(value as Record<string, unknown>);
}

function describeToken(token: VerifiedToken): Map<string, CelValue> {
  return toMap({
    issuer: token.issuer,
    client: readClient(token),
    ...token.header,
    scopes: token.scopes,
    roles: token.roles,
    audiences: token.audiences ?? [],
  });
}

const REQUEST_FIELDS: Readonly<Record<string, (request: FilteredRequest) => unknown>> = {
  method: ({ method }) => method,
  host: ({ host }) => host,
  /** Decoded once; left out where it has several readings. */
  path: ({ target }) => (target.ambiguity === undefined ? `/${target.segments.join('/')}` : undefined),
  client: ({ clientAddress }) => clientAddress,
  query: ({ target }) => gather(new URLSearchParams(target.query)),
  /** As they go up, so without the token. */
  headers: ({ headers }) => joinValues(headers.passed),
  certificate: ({ certificate }) => describeCertificate(certificate?.()),
};

/** Without names nobody vouches for them. */
function describeCertificate(certificate: ClientCertificate | undefined): unknown {
  if (certificate === undefined) return undefined;
  const { sha256 } = certificate;
  const names = certificate.names();
  if (names === undefined) return { sha256 };
  const { subject, uris, dns, notAfterMs } = names;
  return { sha256, subject, uris, dns, notAfter: new CelTimestamp(notAfterMs) };
}

function describeRequest(request: FilteredRequest, fields: Needed['requestFields']): Map<string, CelValue> {
  const described: Record<string, unknown> = {};
  for (const field of fields === 'all' ? Object.keys(REQUEST_FIELDS) : fields) {
    described[field] = REQUEST_FIELDS[field]?.(request);
  }
  return toMap(described);
}

/** A name may be there several times and backends differ in which they take, so each has the list of its values. */
function gather(query: URLSearchParams): Record<string, string[]> {
  const values: Record<string, string[]> = Object.create(null);
  for (const [name, value] of query) {
    values[name] ??= [];
    values[name].push(value);
  }
  return values;
}

/** Several fields of one name are one list (RFC 9110 §5.3). Names in lower case. */
function joinValues(pairs: readonly string[]): Record<string, string> {
  const values: Record<string, string> = Object.create(null);
  for (let at = 0; at < pairs.length; at += 2) {
    const name = (pairs[at] as string).toLowerCase();
    const value = pairs[at + 1] as string;
    values[name] = values[name] === undefined ? value : `${values[name]}, ${value}`;
  }
  return values;
}
