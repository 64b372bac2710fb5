const PARTS = /^[\w-]+\.[\w-]+\.[\w-]*$/;

/**
 * Whether a token has the form of a signed JWT: three parts of base64url, of which the signature may be missing. Everything else is
 * opaque to the gateway, encrypted tokens (JWE) too.
 */
export function hasJwtForm(rawToken: string): boolean {
  const headerEnd = rawToken.indexOf('.');
  const payloadEnd = rawToken.indexOf('.', headerEnd + 1);
  // Most opaque tokens have no dots at all.
  if (payloadEnd === -1 || headerEnd === -1) return false;
  return rawToken.indexOf('.', payloadEnd + 1) === -1 && PARTS.test(rawToken);
}
