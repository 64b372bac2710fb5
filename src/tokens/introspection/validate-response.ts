import { isRefusal, type Refusal, refuse } from '../../core/refusals.ts';
import type { Trace } from '../../core/trace.ts';
import type { CompiledIssuer } from '../compiled-issuer.ts';
import { isAbsent } from '../jwt/json/absent.ts';
import { readAudiences, readRoles, readScopes } from '../jwt/read-claims.ts';
import { validateKind, validatePresence } from '../jwt/validate-claims.ts';
import { readLifetime } from '../jwt/validate-lifetime.ts';
import type { ValidatedToken } from '../jwt/validate-payload.ts';
import type { Claims, VerifiedToken } from '../verified-token.ts';

/** Whether the provider states that the token is active (RFC 7662 §2.2): `true` and nothing that looks like it. */
export function validateActive({ active }: Claims, { name: issuer }: CompiledIssuer): Refusal | undefined {
  if (active === true) return undefined;
  if (active === false) {
    return refuse('token_inactive', 'the provider states that the token is not active', { issuer });
  }
  const reason = 'the provider does not state that the token is active: `active` is neither true nor false';
  return refuse('introspection_unclear', reason, { issuer });
}

/**
 * Validates what the provider states about an active token, as the claims of a JWT are validated: issuer, kind, claims. Its lifetime is
 * checked at each use. `iss` and `exp` may be missing, since the provider itself was asked; the former is then filled in.
 */
export function validateResponse(
  json: Claims,
  issuer: CompiledIssuer,
  trace: Trace | undefined,
): ValidatedToken | Refusal {
  const foreign = validateOrigin(json, issuer, { cnf: json.cnf, trace });
  if (foreign !== undefined) return foreign;
  const lifetime = validatePresence(json, issuer.requiredClaims) ?? readLifetime(json, issuer, 'optional');
  const refusal = isRefusal(lifetime) ? lifetime : undefined;
  trace?.add({
    step: 'claims',
    ok: refusal === undefined,
    expected: issuer.requiredClaims.join(', ') || 'none',
    ...(refusal && { note: refusal.reason }),
  });
  if (isRefusal(lifetime)) return { ...lifetime, issuer: issuer.name };
  const claims = withIssuer(json, issuer);
  const token: VerifiedToken = {
    issuer: issuer.name,
    header: NO_HEADER,
    introspected: true,
    claims,
    audiences: readAudiences(claims, issuer),
    scopes: readScopes(claims, issuer),
    roles: readRoles(claims, issuer),
    rejectedFromMs: Math.min(lifetime.expiresMs, lifetime.tooOldFromMs),
  };
  return { token, lifetime };
}

/**
 * Validates whose token the response is about, and of what kind it is: what must be right whatever else it states. `cnf` is what is
 * known to bind the token to a key.
 */
export function validateOrigin(
  json: Claims,
  issuer: CompiledIssuer,
  { cnf, trace }: { readonly cnf: unknown; readonly trace: Trace | undefined },
): Refusal | undefined {
  const strange = validateIssuer(json, issuer);
  trace?.add({
    step: 'issuer',
    ok: strange === undefined,
    expected: issuer.name,
    got: strange?.reason ?? issuer.name,
  });
  if (strange !== undefined) return strange;
  const foreign = validateKind(json, issuer) ?? validateTokenType(json, cnf);
  trace?.add({
    step: 'kind',
    ok: foreign === undefined,
    expected: issuer.idTokens ? 'an access token or an ID token' : 'an access token',
    ...(foreign && { got: foreign.reason }),
  });
  return foreign && { ...foreign, issuer: issuer.name };
}

const NO_HEADER = Object.freeze({});

function validateIssuer(json: Claims, { name, issuers, rules }: CompiledIssuer): Refusal | undefined {
  const { iss } = json;
  // An empty one names nobody, which is not the same as naming none.
  if (iss === undefined || iss === null) return undefined;
  if (typeof iss === 'string' && (issuers.includes(iss) || rules.recognizes?.(json) === true))
    return undefined;
  const reason = `the introspection endpoint of ${name} states another \`iss\``;
  return refuse('introspected_issuer', reason, { issuer: name });
}

/** A caller is known by `iss` and `sub`, and this issuer has one `iss`. */
function withIssuer(json: Claims, { issuers }: CompiledIssuer): Claims {
  const [iss, other] = issuers;
  if (!isAbsent(json.iss) || iss === undefined || other !== undefined) return json;
  return Object.assign(Object.create(null), json, { iss });
}

/** What providers call access tokens: the types of RFC 6749 §7.1 and RFC 9449 §5, of RFC 8693 §3, and `token_use` of Ory Hydra. */
const ACCESS_TOKENS =
  /^(?:bearer|dpop|jwt|access(?:[_ -]?token)?|urn:ietf:params:oauth:token-type:(?:access_token|jwt))$/i;

/** Providers respond about refresh tokens, too, which are never credentials for an API. */
function validateTokenType({ token_type: type, token_use: use }: Claims, cnf: unknown): Refusal | undefined {
  for (const [name, stated] of [
    ['token_type', type],
    ['token_use', use],
  ] as const) {
    const isAccess = isAbsent(stated) || (typeof stated === 'string' && ACCESS_TOKENS.test(stated));
    // Whether that one counts, `idTokens` has decided.
    if (isAccess || (name === 'token_use' && stated === 'id')) continue;
    return refuse('introspected_type', `the response names another \`${name}\` than that of an access token`);
  }
  if (typeof type === 'string' && type.toLowerCase() === 'dpop' && isAbsent(cnf)) {
    return refuse('token_bound', 'its `token_type` is DPoP, and the response names no key (`cnf`)');
  }
  return undefined;
}
