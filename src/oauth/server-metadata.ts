import { frontPaths } from '../config/oauth-front.ts';
import { type FrontResponse, respondWithJson } from './front-response.ts';
import type { ProviderMetadata } from './provider-metadata.ts';

/** Clients may keep the document as long as that of the resource. */
const CACHE_CONTROL = 'max-age=300';

/**
 * The metadata of a front (RFC 8414 §2). Of the provider it states only what is true of the front, too. It is served in one place: as
 * an `openid-configuration` it would promise ID tokens of an issuer that has none.
 */
export function describeServer(
  { origin, path }: { readonly origin: string; readonly path: string },
  { jwksUri, scopesSupported }: ProviderMetadata,
): FrontResponse {
  const paths = frontPaths(path);
  return respondWithJson(
    200,
    {
      issuer: origin + path,
      authorization_endpoint: origin + paths.authorize,
      token_endpoint: origin + paths.token,
      registration_endpoint: origin + paths.register,
      ...(jwksUri !== undefined && { jwks_uri: jwksUri }),
      ...(scopesSupported !== undefined && { scopes_supported: scopesSupported }),
      response_types_supported: ['code'],
      grant_types_supported: ['authorization_code', 'refresh_token'],
      code_challenge_methods_supported: ['S256'],
      token_endpoint_auth_methods_supported: ['none'],
      authorization_response_iss_parameter_supported: false,
    },
    CACHE_CONTROL,
  );
}
