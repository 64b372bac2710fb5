import type { webcrypto } from 'node:crypto';
import type { AssertionKey, ClientCredentials } from './client-credentials.ts';

/** Adds what identifies the gateway to the form and the header fields of one request. */
export type Authenticate = (form: URLSearchParams, headers: Headers) => Promise<void>;

/**
 * Makes the client authentication of one endpoint, by `oauth4webapi`, which is loaded only here: most files ask no endpoints. The
 * `audience` of client assertions is the provider's issuer (RFC 7523 §3, as its revision narrows it). They are good for a minute and
 * have a `jti` each. With a client certificate the form names the client alone.
 */
export async function createAuthenticate(
  credentials: ClientCredentials,
  audience: string,
): Promise<Authenticate> {
  const oauth = await import('oauth4webapi');
  const server = { issuer: audience };
  const client = { client_id: credentials.clientId };
  const add = await methodOf(credentials);
  return async (form, headers) => add(server, client, form, headers);

  async function methodOf(credentials: ClientCredentials) {
    if (credentials.kind === 'tls') return oauth.TlsClientAuth();
    if (credentials.kind === 'key') {
      const { alg, kid, thumbprint } = credentials.key;
      const key = await importKey(credentials.key);
      return oauth.PrivateKeyJwt(kid === undefined ? key : { key, kid }, {
        [oauth.modifyAssertion](header) {
          // Of two names for one algorithm, the one that the provider knows.
          header.alg = alg;
          if (thumbprint !== undefined) header['x5t#S256'] = thumbprint;
        },
      });
    }
    const { clientSecret, method } = credentials;
    return method === 'post' ? oauth.ClientSecretPost(clientSecret) : oauth.ClientSecretBasic(clientSecret);
  }
}

type ImportAlgorithm = Parameters<typeof crypto.subtle.importKey>[2];

function importAlgorithm(alg: AssertionKey['alg']): ImportAlgorithm {
  const hash = `SHA-${alg.slice(2)}`;
  if (alg.startsWith('RS')) return { name: 'RSASSA-PKCS1-v1_5', hash };
  if (alg.startsWith('PS')) return { name: 'RSA-PSS', hash };
  if (alg.startsWith('ES')) return { name: 'ECDSA', namedCurve: CURVES[alg as keyof typeof CURVES] };
  return { name: 'Ed25519' };
}

const CURVES = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' } as const;

/** Not extractable, so that nothing but signatures leaves it. */
function importKey({ key, alg }: AssertionKey): Promise<webcrypto.CryptoKey> {
  const der = key.export({ type: 'pkcs8', format: 'der' });
  return crypto.subtle.importKey('pkcs8', der, importAlgorithm(alg), false, ['sign']);
}
