import { createHash, randomBytes } from 'node:crypto';
import { walkThroughLogin } from '../../demo/provider/login-browser.ts';
import { CLIENTS } from '../../demo/provider/provider.ts';

export interface TokenSet {
  readonly access_token: string;
  readonly id_token: string;
  readonly refresh_token: string;
  readonly scope: string;
}

/**
 * Logs in at the provider as a client does it: authorization code with PKCE (RFC 7636), a person who fills in
 * the form, a browser that keeps cookies and follows redirects up to the client's redirect URI.
 */
export async function logIn(
  issuer: string,
  { login = 'alice', scope = 'openid orders:read' }: { login?: string; scope?: string } = {},
): Promise<TokenSet> {
  const metadata = await readMetadata(issuer);
  const { clientId } = CLIENTS.app;
  const redirectUri = 'http://127.0.0.1:1/demo';
  const verifier = randomBytes(32).toString('base64url');
  const state = randomBytes(16).toString('base64url');

  const authorize = new URL(metadata.authorization_endpoint);
  authorize.search = new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirectUri,
    scope,
    state,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  }).toString();
  const callback = await walkThroughLogin(authorize.href, { login, redirectUri });

  if (callback.searchParams.get('state') !== state) throw new Error(`foreign state: ${callback}`);
  if (callback.searchParams.get('iss') !== issuer) throw new Error(`foreign issuer: ${callback}`);
  const response = await fetch(metadata.token_endpoint, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      code: callback.searchParams.get('code') ?? '',
      redirect_uri: redirectUri,
      client_id: clientId,
      code_verifier: verifier,
    }),
  });
  const tokens = await response.json();
  if (!response.ok) throw new Error(`no tokens: ${JSON.stringify(tokens)}`);
  return tokens as TokenSet;
}

/** Trades a refresh token for fresh tokens (RFC 6749 §6). */
export async function refreshTokens(issuer: string, refreshToken: string): Promise<TokenSet> {
  const { token_endpoint } = await readMetadata(issuer);
  const response = await fetch(token_endpoint, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: refreshToken,
      client_id: CLIENTS.app.clientId,
    }),
  });
  const tokens = await response.json();
  if (!response.ok) throw new Error(`no tokens: ${JSON.stringify(tokens)}`);
  return tokens as TokenSet;
}

async function readMetadata(issuer: string) {
  const response = await fetch(`${issuer}/.well-known/openid-configuration`);
  return (await response.json()) as { authorization_endpoint: string; token_endpoint: string };
}
