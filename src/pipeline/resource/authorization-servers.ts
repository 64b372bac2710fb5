import { frontUrl } from '../../config/oauth-front.ts';
import type { Config } from '../../config/schema/config.ts';
import type { CompiledIssuer } from '../../tokens/compiled-issuer.ts';

/** Issuers of Entra ID's older tokens; those of the same tenant at its newer endpoint are the ones that clients can use. */
const OLDER_ENTRA = /^https:\/\/sts\.windows\.net\//;

/**
 * Where clients obtain tokens of an issuer: URLs whose metadata they fetch (RFC 8414), that of its front if it has one. None where the issuer is only a name, or is
 * recognized by a rule.
 */
export function authorizationServersOf({ name, issuers }: CompiledIssuer, config: Config): readonly string[] {
  const front = frontUrl(config, name);
  if (front !== undefined) return [front];
  const urls = issuers.filter((issuer) => /^https?:\/\/[^?#]+$/.test(issuer) && URL.canParse(issuer));
  const newer = urls.filter((url) => !OLDER_ENTRA.test(url));
  return newer.length > 0 ? newer : urls;
}
