import { AUDIENCE, CLIENTS } from './provider.ts';

/**
 * Obtains a real access token by client credentials (RFC 6749 §4.4), by default for the demo's API.
 * `scope` is space-separated; the empty string requests none.
 */
export async function fetchToken(
  providerUrl: string,
  { scope = '', resource = AUDIENCE }: { scope?: string; resource?: string } = {},
): Promise<string> {
  const { clientId, clientSecret } = CLIENTS.robot;
  const response = await fetch(`${providerUrl}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${clientId}:${clientSecret}`)}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', resource, ...(scope && { scope }) }),
  });
  const reply = (await response.json()) as { access_token?: string };
  if (reply.access_token === undefined)
    throw new Error(`no token: ${response.status} ${JSON.stringify(reply)}`);
  return reply.access_token;
}
