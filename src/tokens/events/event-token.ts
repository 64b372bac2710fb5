import type { Cause } from '../../core/causes.ts';
import { isRefusal, type Refusal } from '../../core/refusals.ts';
import { type CompiledIssuer, NO_RULES, type TokenTypes } from '../compiled-issuer.ts';
import { type IssuerIndex, indexIssuers } from '../issuer-index.ts';
import { isInexactNumber } from '../jwt/json/inexact-number.ts';
import { parseToken } from '../jwt/parse-token.ts';
import { readAudiences } from '../jwt/read-claims.ts';
import { validateHeader } from '../jwt/validate-header.ts';
import { readLifetime, validateLifetime } from '../jwt/validate-lifetime.ts';
import type { KeyStore } from '../keys/key-store.ts';
import type { Claims } from '../verified-token.ts';
import { verifyWithKeys } from '../verify-with-keys.ts';
import { type EventError, type EventFault, invalid, isEventFault } from './event-fault.ts';

/** What tokens of one kind and issuer are held to. */
export interface EventTokenRules {
  /** With the `iss`, algorithms and types that count for these tokens. */
  readonly issuer: CompiledIssuer;
  readonly index: IssuerIndex;
  readonly keys: KeyStore;
  readonly audience: string;
  /** A logout token ends; a security event states what has happened, and must not look like a token that ends (SSF 1.0 §4.1.7). */
  readonly exp: 'required' | 'forbidden';
}

/** What both kinds have. The signature holds, and the claims are for this gateway, now. */
export interface EventToken {
  readonly claims: Claims;
  readonly jti: string;
  /** In seconds, rounded up. */
  readonly iat: number;
  /** From here it is refused for its age; undefined where it has no end. */
  readonly rejectedFromMs: number | undefined;
  /** By their URIs; at least one. */
  readonly events: ReadonlyMap<string, Claims>;
}

export interface EventTokenSettings extends Pick<EventTokenRules, 'keys' | 'audience' | 'exp'> {
  readonly issuer: CompiledIssuer;
  readonly types: TokenTypes;
}

/** Puts the rules of one kind and issuer together. */
export function compileEventTokenRules({
  issuer,
  types,
  keys,
  audience,
  exp,
}: EventTokenSettings): EventTokenRules {
  const own = { ...issuer, tokenTypes: types };
  return { issuer: own, index: indexIssuers([own]), keys, audience, exp };
}

/** Larger than any that a provider sends. */
const MAX_BYTES = 64 * 1024;

/** Verifies one: form, issuer, algorithm, type, key and signature, then the claims that both kinds have. */
export async function verifyEventToken(
  rawToken: string,
  rules: EventTokenRules,
  clock: () => number,
): Promise<EventToken | EventFault> {
  const token = parseToken(rawToken, MAX_BYTES);
  if (isRefusal(token))
    return { ...invalid('it is not a JWT with exactly one reading'), reason: token.reason };
  const issuer = validateHeader(token, rules.index, { accepts: undefined });
  if (isRefusal(issuer)) return headerFault(issuer);
  const key = await verifyWithKeys({ token, issuer, store: rules.keys });
  if (isRefusal(key)) return keyFault(key);
  return readClaims(token.unverifiedClaims, rules, clock());
}

const ISSUER_CAUSES: ReadonlySet<Cause> = new Set(['iss_missing', 'iss_unknown', 'iss_nearly_known']);
const TYPE_CAUSES: ReadonlySet<Cause> = new Set(['typ_missing', 'typ_not_listed']);

function headerFault({ cause, reason }: Refusal): EventFault {
  const [description, error]: readonly [string, EventError] = ISSUER_CAUSES.has(cause)
    ? ['its `iss` is not the expected one', 'invalid_issuer']
    : TYPE_CAUSES.has(cause)
      ? ['its `typ` is not the expected one', 'invalid_request']
      : ['its `alg` is not accepted', 'invalid_key'];
  return { ...invalid(description, error), reason };
}

function keyFault({ code, cause, reason, retryAfterSeconds }: Refusal): EventFault {
  if (code === 'keys_unavailable') {
    return { error: undefined, description: 'the keys are not available', reason, retryAfterSeconds };
  }
  const description =
    cause === 'signature_invalid' || cause === 'signature_length'
      ? 'its signature does not verify'
      : 'its key is not one of the issuer';
  return { ...invalid(description, 'invalid_key'), reason };
}

function readClaims(claims: Claims, rules: EventTokenRules, nowMs: number): EventToken | EventFault {
  const { issuer, audience, exp } = rules;
  // Presets may have another claim stand in for `aud` of access tokens.
  const audiences = readAudiences(claims, { ...issuer, rules: NO_RULES });
  if (audiences?.includes(audience) !== true)
    return invalid('its `aud` is not the expected one', 'invalid_audience');
  if (exp === 'forbidden' && Object.hasOwn(claims, 'exp'))
    return invalid('it has `exp`, which no security event has');
  const limits = { clockToleranceMs: issuer.clockToleranceMs, maxTokenAgeMs: undefined };
  const lifetime = readLifetime(claims, limits, exp === 'required' ? 'required' : 'optional');
  const untimely = isRefusal(lifetime) ? lifetime : validateLifetime(lifetime, nowMs, issuer.name);
  if (isRefusal(lifetime) || untimely !== undefined)
    return { ...invalid('its times do not hold'), reason: untimely?.reason };
  const iat = readSeconds(claims.iat);
  if (iat === undefined || iat < 0) return invalid('its `iat` is missing');
  const { jti } = claims;
  if (typeof jti !== 'string' || jti === '') return invalid('its `jti` is not a text, or missing');
  const events = readEvents(claims.events);
  if (isEventFault(events)) return events;
  const rejectedFromMs = exp === 'required' ? lifetime.expiresMs : undefined;
  return { claims, jti, iat, rejectedFromMs, events };
}

/** A moment in seconds, rounded up: a fraction more is revoked, never less. */
export function readSeconds(value: unknown): number | undefined {
  const seconds = isInexactNumber(value) ? value.value : value;
  return typeof seconds === 'number' ? Math.ceil(seconds) : undefined;
}

/** The statements of RFC 8417 §2.2: a JSON object of JSON objects. */
function readEvents(value: unknown): ReadonlyMap<string, Claims> | EventFault {
  const entries = isObject(value) ? Object.entries(value) : [];
  if (entries.length === 0) return invalid('its `events` is not an object with an event');
  const events = new Map<string, Claims>();
  for (const [uri, statement] of entries) {
    if (!isObject(statement)) return invalid('one of its `events` is not an object');
    events.set(uri, statement);
  }
  return events;
}

/** A JSON object, and no list. */
export function isObject(value: unknown): value is Claims {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isInexactNumber(value);
}

/** A text that is not empty. */
export function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
