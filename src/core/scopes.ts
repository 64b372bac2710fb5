/** A scope token (RFC 6749 §3.3); nothing else fits into a token or a challenge. */
export const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

/** Scopes of OpenID Connect and OAuth, which belong to no API and so never get a prefix. */
const STANDARD_SCOPES: ReadonlySet<string> = new Set(['openid', 'profile', 'email', 'offline_access']);

export function isStandardScope(scope: string): boolean {
  return STANDARD_SCOPES.has(scope);
}

/** Scopes as clients request them of an issuer: its `scopePrefix` stands before those that tokens have without it. */
export function prefixedScopes(prefix: string | undefined, scopes: readonly string[]): readonly string[] {
  if (prefix === undefined) return scopes;
  return scopes.map((scope) => (isStandardScope(scope) ? scope : prefix + scope));
}
