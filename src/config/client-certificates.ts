import { HOP_BY_HOP, OVERRIDES } from '../core/header-names.ts';
import { foldHeaderName, identityHeaderNames, isMovedToken } from './identity-headers.ts';
import type { Config } from './schema/config.ts';

/** What requests of a file may show of the client's certificate. */
export type CertificateSource = 'none' | 'fingerprint' | 'names';

/** With `names` an authority of the file vouches for the names in certificates; Envoy's Checks have the fingerprint alone. */
export function certificateSource({
  listen: { tls, clientCertHeader },
  decisions,
}: Pick<Config, 'listen' | 'decisions'>): CertificateSource {
  if (tls?.clientCa !== undefined || clientCertHeader?.ca !== undefined) return 'names';
  return clientCertHeader !== undefined || decisions?.grpc !== undefined ? 'fingerprint' : 'none';
}

/** Whether requests to the gateway itself, not questions about others, can come with a certificate. */
export function clientsShowCertificates({ listen }: Pick<Config, 'listen'>): boolean {
  return listen.tls?.clientCa !== undefined || listen.clientCertHeader !== undefined;
}

export const CERTIFICATE_HINT =
  'set `listen.tls.clientCa`, or `listen.clientCertHeader` with `ca` where a proxy in front ends TLS';

/** Fields that describe a request or its way, and are read or set as such. */
const DESCRIBE_REQUESTS: ReadonlySet<string> = new Set([
  ...['host', 'authorization', 'dpop', 'cookie', 'origin', 'forwarded', 'x-request-id', 'x-real-ip'],
  ...['for', 'proto', 'host', 'port', 'prefix', 'server', 'method', 'uri'].map((end) => `x-forwarded-${end}`),
  ...['accept', 'date', 'range', 'referer', 'user-agent', 'via', 'traceparent', 'tracestate'],
]);
const FAMILIES = /^(?:content-|proxy-|sec-|access-control-|if-|mcp-|x-sealgate)/;

/** Why a header cannot be the one in which a proxy passes on the client's certificate; undefined where it can. */
export function whyNoCertificateHeader(
  name: string,
  config: Pick<Config, 'identity' | 'routes'>,
): string | undefined {
  const folded = foldHeaderName(name);
  if (
    HOP_BY_HOP.has(folded) ||
    OVERRIDES.has(folded) ||
    DESCRIBE_REQUESTS.has(folded) ||
    FAMILIES.test(folded)
  )
    return 'it has another meaning in requests';
  if (isMovedToken(name)) return 'proxies pass on tokens in it';
  const isFolded = (other: string): boolean => foldHeaderName(other) === folded;
  if ([...identityHeaderNames(config)].some(isFolded)) return 'the file has it as an identity header';
  const tokens = config.routes.flatMap(({ tokenFrom = [] }) =>
    tokenFrom.flatMap((place) => ('header' in place ? [place.header] : [])),
  );
  return tokens.some(isFolded) ? 'the file reads tokens from it' : undefined;
}
