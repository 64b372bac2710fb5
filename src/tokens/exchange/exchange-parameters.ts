/** Which request exchanges the caller's token (`upstreams.*.exchange.grant`). */
export type ExchangeGrant = 'token-exchange' | 'on-behalf-of' | 'jwt-bearer';

/** What the token for the backend is requested with. */
export interface ExchangeRequestSettings {
  readonly grant: ExchangeGrant;
  readonly audience: string | undefined;
  readonly resource: string | undefined;
  readonly scopes: readonly string[];
}

export const ACCESS_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token';
const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

/** The parameters that are the same for every caller, and the one that holds the caller's token. */
const GRANTS = {
  // RFC 8693 §2.1. The type is that of the caller's token by its use: its form is none of the endpoint's concern (§3).
  'token-exchange': {
    fixed: {
      grant_type: TOKEN_EXCHANGE,
      subject_token_type: ACCESS_TOKEN_TYPE,
      requested_token_type: ACCESS_TOKEN_TYPE,
    },
    callersToken: 'subject_token',
  },
  // Entra ID's on-behalf-of: a JWT bearer grant with a parameter that names it.
  'on-behalf-of': {
    fixed: { grant_type: JWT_BEARER, requested_token_use: 'on_behalf_of' },
    callersToken: 'assertion',
  },
  // RFC 7523 §2.1.
  'jwt-bearer': { fixed: { grant_type: JWT_BEARER }, callersToken: 'assertion' },
} as const satisfies Record<ExchangeGrant, unknown>;

/** Makes the parameters of a request from the caller's token. Those that are the same for all are put together here, once. */
export function compileExchangeParameters({
  grant,
  audience,
  resource,
  scopes,
}: ExchangeRequestSettings): (rawToken: string) => Readonly<Record<string, string>> {
  const { fixed, callersToken } = GRANTS[grant];
  const shared: Readonly<Record<string, string>> = {
    ...fixed,
    ...(audience !== undefined && { audience }),
    ...(resource !== undefined && { resource }),
    ...(scopes.length > 0 && { scope: scopes.join(' ') }),
  };
  return (rawToken) => ({ ...shared, [callersToken]: rawToken });
}
