import type { CompiledIssuer } from '../../tokens/compiled-issuer.ts';

/** Issuers of Entra ID's older tokens; those of the same tenant at its newer endpoint are the ones that clients can use. */
const OLDER_ENTRA = /^https:\/\/sts\.windows\.net\//;

/**
 * Where clients obtain tokens of an issuer: URLs whose metadata they fetch (RFC 8414). None where the issuer is only a name, or is
 * recognized by a rule.
 */
export function authorizationServersOf({ issuers }: CompiledIssuer): readonly string[] {
  const urls = issuers.filter((issuer) => /^https?:\/\/[^?#]+$/.test(issuer) && URL.canParse(issuer));
  const newer = urls.filter((url) => !OLDER_ENTRA.test(url));
  return newer.length > 0 ? newer : urls;
}
