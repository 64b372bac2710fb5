import { type FrontResponse, respondWithError, respondWithJson } from './front-response.ts';
import type { FrontRules } from './parameters.ts';

const MOST_URIS = 32;
const GRANTS = ['authorization_code', 'refresh_token'] as const;

/**
 * Registers a client (RFC 7591 §3): a client that names only listed redirect URIs gets the configured client. Nothing is kept, so that there
 * is nothing to fill or to take over.
 */
export function register(body: string, { clientId, redirectUris }: FrontRules): FrontResponse {
  const metadata = parseObject(body);
  if (metadata === undefined)
    return respondWithError('invalid_client_metadata', 'the body is not a JSON object');
  const { redirect_uris: uris, grant_types: grants, response_types: responses } = metadata;
  if (!isTexts(uris) || uris.length === 0) {
    return respondWithError('invalid_redirect_uri', 'redirect_uris is missing or not a list of texts');
  }
  if (uris.length > MOST_URIS || !uris.every((uri) => redirectUris.has(uri))) {
    return respondWithError('invalid_redirect_uri', 'a redirect URI is not among those of this front');
  }
  if (grants !== undefined && !(isTexts(grants) && grants.includes('authorization_code'))) {
    return respondWithError('invalid_client_metadata', 'grant_types must include authorization_code');
  }
  if (responses !== undefined && !(isTexts(responses) && responses.includes('code'))) {
    return respondWithError('invalid_client_metadata', 'response_types must include code');
  }
  return respondWithJson(201, {
    client_id: clientId,
    redirect_uris: uris,
    token_endpoint_auth_method: 'none',
    grant_types: GRANTS,
    response_types: ['code'],
  });
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    return value as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string');
}
