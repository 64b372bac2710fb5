import type { Config } from './schema/config.ts';

/** The parts of a front that have a URL of their own. */
export const FRONT_ENDPOINTS = ['metadata', 'authorize', 'token', 'register'] as const;
export type FrontEndpointKind = (typeof FRONT_ENDPOINTS)[number];

const METADATA = '/.well-known/oauth-authorization-server';

/** The path of an issuer's front; undefined where the issuer has none. */
export function frontPath({ issuers }: Pick<Config, 'issuers'>, issuer: string): string | undefined {
  const front = issuers[issuer]?.oauthProxy;
  return front && (front.path ?? `/.well-known/sealgate/oauth/${issuer}`);
}

/** The paths of the front's endpoints. RFC 8414 §3.1 puts that of the metadata before the path of the issuer. */
export function frontPaths(path: string): Readonly<Record<FrontEndpointKind, string>> {
  return {
    metadata: METADATA + path,
    authorize: `${path}/authorize`,
    token: `${path}/token`,
    register: `${path}/register`,
  };
}

/**
 * The issuer identifier of a front, which clients take for that of the provider: the origin of `publicUrl` with the path. Undefined where
 * the issuer has no front, or the file no `publicUrl`.
 */
export function frontUrl(config: Pick<Config, 'issuers' | 'listen'>, issuer: string): string | undefined {
  const path = frontPath(config, issuer);
  const { publicUrl } = config.listen;
  return path === undefined || publicUrl === undefined ? undefined : new URL(publicUrl).origin + path;
}
