/*
 * Authorization code with PKCE (RFC 7636) as in any single-page application, without a library.
 * The pending login is kept in sessionStorage; tokens never are.
 */

const PENDING = 'sealgate-demo-login';
const REDIRECT_URI = `${location.origin}/demo`;

/** Goes to the provider's login page, requesting `scope`, for the API or for the resource with this identifier (RFC 8707). */
export async function startLogin({ issuer, clientId }, scope, resource) {
  const { authorization_endpoint } = await readMetadata(issuer);
  const verifier = randomText();
  const state = randomText();
  const challenge = base64url(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier)));
  const request = {
    response_type: 'code',
    client_id: clientId,
    redirect_uri: REDIRECT_URI,
    scope,
    state,
    code_challenge: challenge,
    code_challenge_method: 'S256',
    ...(resource && { resource }),
  };
  sessionStorage.setItem(PENDING, JSON.stringify({ verifier, state, request }));
  location.assign(`${authorization_endpoint}?${new URLSearchParams(request)}`);
}

/**
 * Back from the provider: exchanges the code for tokens. Undefined when no login is pending.
 * Returns the tokens, the requests that led to them, and the resource that they are for.
 */
export async function finishLogin({ issuer, clientId }) {
  const callback = new URLSearchParams(location.search);
  const pending = JSON.parse(sessionStorage.getItem(PENDING) ?? 'null');
  sessionStorage.removeItem(PENDING);
  history.replaceState(null, '', location.pathname);
  if (pending === null || (!callback.has('code') && !callback.has('error'))) return undefined;

  if (callback.get('state') !== pending.state) throw new Error('The response belongs to another login.');
  if (callback.get('iss') !== issuer) throw new Error('The response comes from another provider.');
  if (callback.has('error')) throw new Error(`The provider responded: ${callback.get('error_description')}.`);

  const { token_endpoint, authorization_endpoint } = await readMetadata(issuer);
  const form = {
    grant_type: 'authorization_code',
    code: callback.get('code'),
    redirect_uri: REDIRECT_URI,
    client_id: clientId,
    code_verifier: pending.verifier,
    ...(pending.request.resource && { resource: pending.request.resource }),
  };
  const tokens = await requestTokens(token_endpoint, form);
  const exchanges = [
    {
      title: 'This page sent you to the provider',
      line: `GET ${authorization_endpoint}`,
      fields: pending.request,
    },
    {
      title: 'You allowed it, and came back with a code',
      line: `GET ${REDIRECT_URI}`,
      fields: Object.fromEntries(callback),
    },
    {
      title: 'This page exchanged the code and its verifier for tokens',
      line: `POST ${token_endpoint}`,
      fields: form,
    },
  ];
  return { tokens, exchanges, resource: pending.request.resource };
}

/** Exchanges the refresh token for new tokens (RFC 6749 §6). */
export async function refresh({ issuer, clientId }, refreshToken) {
  const { token_endpoint } = await readMetadata(issuer);
  return requestTokens(token_endpoint, {
    grant_type: 'refresh_token',
    refresh_token: refreshToken,
    client_id: clientId,
  });
}

async function requestTokens(endpoint, form) {
  const response = await fetch(endpoint, { method: 'POST', body: new URLSearchParams(form) });
  const tokens = await response.json();
  if (!response.ok)
    throw new Error(`The provider issued no tokens: ${tokens.error_description ?? tokens.error}.`);
  return tokens;
}

async function readMetadata(issuer) {
  const response = await fetch(`${issuer}/.well-known/openid-configuration`);
  return response.json();
}

function randomText() {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

function base64url(bytes) {
  return btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}
