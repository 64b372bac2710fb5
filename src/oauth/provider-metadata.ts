import { describePlace, type FetchedJson, FetchFailure } from '../tokens/keys/fetch/fetch-json.ts';
import { isAllowedUrl } from '../tokens/keys/fetch/key-transport.ts';

/** What a front needs of the metadata of its provider (RFC 8414 §2). */
export interface ProviderMetadata {
  readonly authorizationEndpoint: URL;
  readonly tokenEndpoint: URL;
  readonly jwksUri: string | undefined;
  readonly scopesSupported: readonly string[] | undefined;
  /**
   * The provider names itself in its authorization responses (RFC 9207). Clients of the front would refuse them: they were given another
   * issuer.
   */
  readonly namesItself: boolean;
}

/** @throws FetchFailure when an endpoint is missing or must not be used */
export function readProviderMetadata(
  { json }: FetchedJson,
  from: URL,
  { insecure }: { readonly insecure: boolean },
): ProviderMetadata {
  const endpoint = (name: 'authorization_endpoint' | 'token_endpoint'): URL => {
    const flaw = findFlaw(json[name], insecure);
    if (flaw !== undefined) throw new FetchFailure(`${describePlace(from)}: its ${name} ${flaw}`, 'wrong');
    return new URL(json[name] as string);
  };
  const { jwks_uri: jwksUri, scopes_supported: scopes } = json;
  return {
    authorizationEndpoint: endpoint('authorization_endpoint'),
    tokenEndpoint: endpoint('token_endpoint'),
    jwksUri: findFlaw(jwksUri, insecure) === undefined ? (jwksUri as string) : undefined,
    scopesSupported: isTexts(scopes) ? scopes : undefined,
    // Anything but a clear no is taken for a yes.
    namesItself: (json.authorization_response_iss_parameter_supported ?? false) !== false,
  };
}

function findFlaw(value: unknown, insecure: boolean): string | undefined {
  if (typeof value !== 'string' || !URL.canParse(value)) return 'is missing or not a URL';
  const url = new URL(value);
  if (url.username !== '' || url.password !== '') return 'holds a password';
  if (value.includes('#')) return 'has a fragment';
  return isAllowedUrl(url, insecure) ? undefined : 'is not https';
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string');
}
