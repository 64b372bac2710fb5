/* A signed JWT is three parts of base64url, of which the signature may be missing. All else is opaque to the gateway, JWE too. */

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
