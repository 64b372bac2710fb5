import { type Refusal, refuse } from '../../core/refusals.ts';
import type { CompiledIssuer } from '../compiled-issuer.ts';
import { isAbsent } from '../jwt/json/absent.ts';
import { isInexactNumber } from '../jwt/json/inexact-number.ts';
import { readAudiences, readClaim, readClient, readScopes } from '../jwt/read-claims.ts';
import type { Claims, VerifiedToken } from '../verified-token.ts';

/**
 * With `for: all`: refuses a JWT about which the provider states something else than what it signed. What either leaves out is no
 * difference, except that a token which only the response binds to a key is not the token that was signed.
 */
export function compareWithToken(
  json: Claims,
  token: VerifiedToken,
  issuer: CompiledIssuer,
): Refusal | undefined {
  const different = COMPARED.find(({ differs }) => differs(json, token, issuer));
  if (different === undefined) return undefined;
  const reason = `the introspection endpoint states another \`${different.name}\` than the token`;
  return refuse('introspection_differs', reason, { issuer: issuer.name });
}

interface Comparison {
  readonly name: string;
  readonly differs: (json: Claims, token: VerifiedToken, issuer: CompiledIssuer) => boolean;
}

const COMPARED: readonly Comparison[] = [
  ...['iss', 'sub', 'jti', 'sid'].map((name) => ({
    name,
    differs: (json: Claims, { claims }: VerifiedToken) => isOther(json[name], claims[name]),
  })),
  ...['exp', 'nbf', 'iat', 'auth_time'].map((name) => ({
    name,
    differs: (json: Claims, { claims }: VerifiedToken) =>
      isOther(toSecond(json[name]), toSecond(claims[name])),
  })),
  {
    name: 'aud',
    differs: (json, { audiences }, issuer) => isOtherSet(readAudiences(json, issuer), audiences),
  },
  {
    name: 'client_id',
    differs: (json, token) => isOther(readClient({ claims: json }), readClient(token)),
  },
  {
    name: 'scope',
    differs: (json, { claims, scopes }, issuer) =>
      statesScopes(json, issuer) &&
      statesScopes(claims, issuer) &&
      isOtherSet(readScopes(json, issuer), scopes),
  },
  {
    name: 'cnf',
    differs: (json, { claims }) => !isAbsent(json.cnf) && toText(json.cnf) !== toText(claims.cnf),
  },
];

function statesScopes(claims: Claims, { scopeClaims }: CompiledIssuer): boolean {
  return scopeClaims.some((path) => !isAbsent(readClaim(claims, path)));
}

function isOther(stated: unknown, signed: unknown): boolean {
  return !isAbsent(stated) && !isAbsent(signed) && stated !== signed;
}

function isOtherSet(stated: readonly string[] | undefined, signed: readonly string[] | undefined): boolean {
  if (stated === undefined || signed === undefined) return false;
  const [some, others] = [new Set(stated), new Set(signed)];
  return some.size !== others.size || stated.some((entry) => !others.has(entry));
}

/** Dates have whole seconds at many providers, whatever the token has. */
function toSecond(date: unknown): unknown {
  const seconds = isInexactNumber(date) ? date.value : date;
  return typeof seconds === 'number' ? Math.floor(seconds) : seconds;
}

/** The same for objects whose members stand in another order. */
function toText(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? '';
  if (Array.isArray(value)) return `[${value.map(toText).join(',')}]`;
  const members = Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}:${toText(member)}`);
  return `{${members.sort().join(',')}}`;
}
