import { isAbsent } from '../../jwt/json/absent.ts';
import { describePlace, type FetchedJson, FetchFailure } from './fetch-json.ts';
import { isAllowedUrl } from './key-transport.ts';

export interface DiscoveryOptions {
  /** The exact issuer the metadata must name. */
  readonly issuer: string;
  /** Where the provider is known to keep its keys, below the issuer, should it publish no metadata. */
  readonly keysPath: string | undefined;
  readonly insecure: boolean;
  /** @throws FetchFailure */
  readonly fetchDocument: (url: URL) => Promise<FetchedJson>;
}

/**
 * Finds where an issuer keeps its keys: OpenID Connect Discovery 1.0 §4 first, then RFC 8414 §3.
 * @throws FetchFailure naming each place that was asked
 */
export async function discoverJwksUri(options: DiscoveryOptions): Promise<URL> {
  const failures: FetchFailure[] = [];
  for (const url of metadataUrls(options.issuer)) {
    try {
      return readJwksUri(await options.fetchDocument(url), url, options);
    } catch (error) {
      if (!(error instanceof FetchFailure) || error.kind === 'unreachable') throw error;
      failures.push(error);
    }
  }
  const wrong = failures.some(({ kind }) => kind === 'wrong');
  if (options.keysPath !== undefined && !wrong) return new URL(trimSlash(options.issuer) + options.keysPath);
  const messages = failures.map(({ message }) => message).join('; ');
  const hint = failures.find(({ hint }) => hint !== undefined)?.hint ?? KEYS_ELSEWHERE;
  throw new FetchFailure(`no metadata: ${messages}`, wrong ? 'wrong' : 'refused', hint);
}

/** Azure AD B2C and AD FS, among others, have their metadata elsewhere than below their `iss`. */
const KEYS_ELSEWHERE = 'give `jwksUri` if its metadata is not below the issuer';

/** The two places of metadata, for an issuer with or without a path. */
function metadataUrls(issuer: string): readonly URL[] {
  const base = new URL(issuer);
  const path = trimSlash(base.pathname);
  return [
    new URL(`${trimSlash(issuer)}/.well-known/openid-configuration`),
    new URL(`${base.origin}/.well-known/oauth-authorization-server${path}`),
  ];
}

function trimSlash(text: string): string {
  return text.endsWith('/') ? text.slice(0, -1) : text;
}

function readJwksUri({ json }: FetchedJson, from: URL, options: DiscoveryOptions): URL {
  const fail = (reason: string, hint: string) =>
    new FetchFailure(`${describePlace(from)}: ${reason}`, 'wrong', hint);
  if (json.issuer !== options.issuer) throw fail(...describeOtherIssuer(json.issuer, options.issuer));
  const { jwks_uri: named } = json;
  if (typeof named !== 'string' || !URL.canParse(named)) throw fail('it names no jwks_uri', 'give `jwksUri`');
  const uri = new URL(named);
  const hint = 'give the address of the keys as `jwksUri`';
  if (uri.username !== '' || uri.password !== '') throw fail('its jwks_uri holds a password', hint);
  if (!isAllowedUrl(uri, options.insecure)) throw fail('its jwks_uri is not https', hint);
  return uri;
}

function describeOtherIssuer(named: unknown, configured: string): [reason: string, hint: string] {
  if (isAbsent(named)) return ['it names no issuer', 'give `jwksUri` if this is another kind of document'];
  const spelled = 'write `issuer` as the tokens spell their `iss`';
  if (typeof named === 'string' && trimSlash(named) === trimSlash(configured)) {
    return ['its issuer differs from the configured one by a slash at the end', spelled];
  }
  return ['its issuer is not the configured one', `${spelled}; if it is right, give \`jwksUri\``];
}
