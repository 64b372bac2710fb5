import { isAbsent } from '../../jwt/json/absent.ts';
import { describePlace, type FetchedJson, FetchFailure } from './fetch-json.ts';
import { isAllowedUrl } from './key-transport.ts';

export interface MetadataOptions {
  /** The exact issuer the metadata must name. */
  readonly issuer: string;
  /** @throws FetchFailure */
  readonly fetchDocument: (url: URL) => Promise<FetchedJson>;
}

export interface DiscoveryOptions extends MetadataOptions {
  /** Where the provider is known to keep its keys, below the issuer, should it publish no metadata. */
  readonly keysPath: string | undefined;
  readonly insecure: boolean;
}

/**
 * Finds where an issuer keeps its keys.
 * @throws FetchFailure naming each place that was asked
 */
export async function discoverJwksUri(options: DiscoveryOptions): Promise<URL> {
  try {
    return await discoverMetadata(options, (document, from) => readJwksUri(document, from, options));
  } catch (error) {
    const isRefused = error instanceof FetchFailure && error.kind === 'refused';
    if (!isRefused || options.keysPath === undefined) throw error;
    return new URL(trimSlash(options.issuer) + options.keysPath);
  }
}

/**
 * Fetches the metadata of an issuer, by OpenID Connect Discovery 1.0 §4 first, then by RFC 8414 §3, and reads what is wanted of it from
 * the first document that names the issuer and that `read` accepts.
 * @throws FetchFailure naming each place that was asked
 */
export async function discoverMetadata<T>(
  { issuer, fetchDocument }: MetadataOptions,
  read: (document: FetchedJson, from: URL) => T,
): Promise<T> {
  const failures: FetchFailure[] = [];
  for (const url of metadataUrls(issuer)) {
    try {
      const document = await fetchDocument(url);
      assertIssuer(document, url, issuer);
      return read(document, url);
    } catch (error) {
      if (!(error instanceof FetchFailure) || error.kind === 'unreachable') throw error;
      failures.push(error);
    }
  }
  const wrong = failures.some(({ kind }) => kind === 'wrong');
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

function assertIssuer({ json }: FetchedJson, from: URL, issuer: string): void {
  if (json.issuer === issuer) return;
  const [reason, hint] = describeOtherIssuer(json.issuer, issuer);
  throw new FetchFailure(`${describePlace(from)}: ${reason}`, 'wrong', hint);
}

function readJwksUri({ json }: FetchedJson, from: URL, options: DiscoveryOptions): URL {
  const fail = (reason: string, hint: string) =>
    new FetchFailure(`${describePlace(from)}: ${reason}`, 'wrong', hint);
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
