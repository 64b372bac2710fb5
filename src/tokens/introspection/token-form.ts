/* A signed JWT is three parts of base64url, of which the signature may be missing. All else is opaque to the gateway, JWE too, but for JWTs that were broken on the way. */

/** Whether a token has as many parts as a signed JWT: all that a good one pays for introspection in its file. */
export function hasThreeParts(rawToken: string): boolean {
  const headerEnd = rawToken.indexOf('.');
  // Most opaque tokens have no dots at all.
  if (headerEnd === -1) return false;
  const payloadEnd = rawToken.indexOf('.', headerEnd + 1);
  return payloadEnd !== -1 && rawToken.indexOf('.', payloadEnd + 1) === -1;
}

const PARTS = /^[\w-]+\.[\w-]+\.[\w-]*$/;

/** Whether its three parts are base64url. */
export function hasJwtForm(rawToken: string): boolean {
  return PARTS.test(rawToken);
}

/**
 * Whether three parts that are not all base64url were once a JWT: the first one still is a header with `alg`. Padding and other
 * characters are skipped to see that. Such a text names its issuer itself, and nobody else is to be sent it.
 */
export function isBrokenJwt(rawToken: string): boolean {
  if (!hasThreeParts(rawToken)) return false;
  try {
    const header: unknown = JSON.parse(
      Buffer.from(rawToken.slice(0, rawToken.indexOf('.')), 'base64').toString('utf8'),
    );
    return (
      typeof header === 'object' && header !== null && !Array.isArray(header) && Object.hasOwn(header, 'alg')
    );
  } catch {
    return false;
  }
}
