import { isInexactNumber } from '../tokens/inexact-number.ts';
import type { VerifiedToken } from '../tokens/verified-token.ts';
import { isDistinctScalar } from './claim-values.ts';
import { readClient } from './identity-rules.ts';
import type { ScreenedRequest } from './request.ts';

/** Values as the CEL engine takes them: integers as bigint, objects as maps. */
type CelValue = string | bigint | number | boolean | null | CelValue[] | Map<string, CelValue>;

/** The variables of a condition for one request. */
export interface ConditionBindings {
  readonly claims: Map<string, CelValue>;
  readonly token: Map<string, CelValue>;
  readonly request: Map<string, CelValue>;
  readonly params: Map<string, CelValue>;
}

const NOTHING: Map<string, CelValue> = new Map();
const tokenFacts = new WeakMap<VerifiedToken, Pick<ConditionBindings, 'claims' | 'token'>>();

/** Binds what the condition speaks of; the rest stays empty. */
export function bindCondition(
  speaksOf: ReadonlySet<string>,
  token: VerifiedToken,
  request: ScreenedRequest,
): ConditionBindings {
  let facts = tokenFacts.get(token);
  if (facts === undefined) {
    facts = { claims: toMap(token.claims), token: describeToken(token) };
    // What is not remembered is asked about once or twice: the garbage collector's work would be dearer than making it again.
    if (token.notes !== undefined) tokenFacts.set(token, facts);
  }
  return {
    ...facts,
    request: speaksOf.has('request') ? describeRequest(request) : NOTHING,
    params: speaksOf.has('params') ? new Map(Object.entries(request.parameters)) : NOTHING,
  };
}

/** A number that stands for several values is left out of maps, so that its use is an error, and is NaN in lists, equal to nothing. */
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
    if (!isDistinctScalar(value)) return undefined;
    return Number.isInteger(value) ? BigInt(value) : value;
  }
  if (Array.isArray(value)) return value.map((member) => toCel(member) ?? Number.NaN);
  if (typeof value !== 'object' || isInexactNumber(value)) return undefined;
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

/** The path decoded once; left out where it has several readings. Headers as they go up, so without the token. */
function describeRequest(request: ScreenedRequest): Map<string, CelValue> {
  const { target, host } = request;
  return toMap({
    method: request.method,
    host,
    path: target.ambiguity === undefined ? `/${target.segments.join('/')}` : undefined,
    client: request.clientAddress,
    query: gather(new URLSearchParams(target.query)),
    headers: joinValues(request.headers.passed),
  });
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
