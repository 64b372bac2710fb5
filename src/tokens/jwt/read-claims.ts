import type { CompiledIssuer } from '../compiled-issuer.ts';
import type { Claims, VerifiedToken } from '../verified-token.ts';
import { isAbsent } from './json/absent.ts';
import { isInexactNumber } from './json/inexact-number.ts';

/** Reads a claim by its path of literal names; undefined when a step is missing or leads through a list. */
export function readClaim(claims: Claims, path: readonly string[]): unknown {
  let value: unknown = claims;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    if (isInexactNumber(value) || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

const NONE: readonly string[] = [];

/** The scopes of a token: the first present claim of `scopeClaims`, split on single spaces or a list (RFC 6749 §3.3). */
export function readScopes(claims: Claims, issuer: CompiledIssuer): readonly string[] {
  const value = firstPresent(claims, issuer.scopeClaims);
  if (typeof value === 'string') {
    const scopes = value.split(' ');
    return scopes.includes('') ? scopes.filter((scope) => scope !== '') : scopes;
  }
  return isTextList(value) ? value : NONE;
}

/** The roles of a token: the first present claim of `roleClaims`, a list, or a string that is one role. */
export function readRoles(claims: Claims, issuer: CompiledIssuer): readonly string[] {
  const value = firstPresent(claims, issuer.roleClaims);
  if (typeof value === 'string') return value === '' ? NONE : [value];
  return isTextList(value) ? value : NONE;
}

/**
 * The audiences of a token (RFC 7519 §4.1.3): undefined when it names none, for which Ory Hydra writes an empty list. A list with
 * anything but strings in it is undefined by the standard, so no audience matches it.
 */
export function readAudiences(claims: Claims, issuer: CompiledIssuer): readonly string[] | undefined {
  const value = claims[issuer.rules.audienceClaim?.(claims) ?? 'aud'];
  if (isAbsent(value)) return undefined;
  if (typeof value === 'string') return [value];
  return isTextList(value) ? value : NONE;
}

function firstPresent(claims: Claims, paths: readonly (readonly string[])[]): unknown {
  for (const path of paths) {
    const value = readClaim(claims, path);
    if (!isAbsent(value)) return value;
  }
  return undefined;
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((member) => typeof member === 'string');
}

/** Where providers put the client: RFC 9068 §2.2, OpenID Connect Core §2, Okta, Entra v1. */
const CLIENT_CLAIMS = ['client_id', 'azp', 'cid', 'appid'] as const;

/** The client a token was issued to: the first of its usual claims that is a non-empty string. */
export function readClient(token: Pick<VerifiedToken, 'claims'>): string | undefined {
  for (const name of CLIENT_CLAIMS) {
    const value = readClaim(token.claims, [name]);
    if (typeof value === 'string' && value !== '') return value;
  }
  return undefined;
}
