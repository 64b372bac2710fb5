/** What a route sends when the file says nothing (contract of the file, `identity.headers`). */
export const DEFAULT_IDENTITY_HEADERS: Readonly<Record<string, string>> = {
  'x-user-id': 'sub',
  'x-user-issuer': 'iss',
  'x-user-scopes': '$scopes',
};

/** Sources that are not claims. */
export const SPECIAL_SOURCES = ['$scopes', '$roles', '$client', '$issuerName'] as const;

/** Names that carry framing, the connection, routing or credentials, in the spelling of `foldHeaderName`. */
const TAKEN = new Set([
  ...[
    'connection',
    'keep-alive',
    'te',
    'trailer',
    'transfer-encoding',
    'upgrade',
    'expect',
    'http2-settings',
  ],
  ...['host', 'authorization', 'cookie', 'forwarded', 'x-request-id'],
]);
const TAKEN_FAMILIES = ['content-', 'proxy-', 'x-forwarded-'];

/**
 * One spelling for all that a backend may take for the same header: CGI and its heirs make `x_user.id`, `X-User-Id`
 * and `x-user-id` one variable.
 */
export function foldHeaderName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '-');
}

/** Fields to which proxies in front move the client's token, the scheme before it or not. */
const MOVED_TOKEN = /^x-forwarded-(?:.+-)?(?:authorization|token)$/;

/** Whether a header other than Authorization may hold the token of a request. */
export function mayCarryToken(name: string): boolean {
  return MOVED_TOKEN.test(foldHeaderName(name)) || mayCarryIdentity(name);
}

/** Whether a header may carry identity; the rest means something to HTTP itself. */
export function mayCarryIdentity(name: string): boolean {
  const folded = foldHeaderName(name);
  return !TAKEN.has(folded) && !TAKEN_FAMILIES.some((family) => folded.startsWith(family));
}
