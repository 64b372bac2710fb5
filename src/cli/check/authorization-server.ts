import type { Dispatcher } from 'undici';
import { askAsClient } from './ask-as-client.ts';

/** What keeps clients from logging in at an authorization server; none: they can. */
export interface ClientTrouble {
  readonly severity: 'error' | 'warning';
  readonly message: string;
  readonly hint: string;
}

type Metadata = Readonly<Record<string, unknown>>;

/** Reads the metadata of an authorization server where clients look for it, and reports the step at which they would fail. */
export async function checkAuthorizationServer(
  server: string,
  dispatcher: Dispatcher,
): Promise<readonly ClientTrouble[]> {
  const asked: string[] = [];
  for (const url of metadataPlaces(server)) {
    const response = await askAsClient(url, dispatcher);
    if ('unreachable' in response) {
      return [
        warning(
          `clients cannot reach ${url}: ${response.unreachable}`,
          'see that it is reachable from where clients are',
        ),
      ];
    }
    if (response.status === 200 && response.json !== undefined)
      return checkMetadata(server, { url, metadata: response.json });
    asked.push(`${url} (${response.status})`);
  }
  return [
    error(
      `clients find no metadata of ${server}: asked ${asked.join(', ')}`,
      'name a server with metadata in `resource.authorizationServers`, or set `oauthProxy` on the issuer',
    ),
  ];
}

/** RFC 8414 §3.1, then OpenID Connect Discovery with the path inserted and appended. */
function metadataPlaces(server: string): readonly string[] {
  const { origin, pathname } = new URL(server);
  const path = pathname.replace(/\/$/, '');
  const places = [
    `${origin}/.well-known/oauth-authorization-server${path}`,
    `${origin}/.well-known/openid-configuration${path}`,
    `${origin}${path}/.well-known/openid-configuration`,
  ];
  return [...new Set(places)];
}

function checkMetadata(
  server: string,
  { url, metadata }: { readonly url: string; readonly metadata: Metadata },
): readonly ClientTrouble[] {
  const troubles: ClientTrouble[] = [];
  if (metadata.issuer !== server) {
    troubles.push(
      error(
        `clients compare the issuer of ${url} with ${server} and refuse it: they differ`,
        'write `issuer` as the metadata spells it, to the letter',
      ),
    );
  }
  for (const name of ['authorization_endpoint', 'token_endpoint']) {
    if (typeof metadata[name] !== 'string')
      troubles.push(
        error(`${url} names no ${name}, so no client can log in`, 'it may be another kind of document'),
      );
  }
  if (!includes(metadata.code_challenge_methods_supported, 'S256')) {
    troubles.push(
      warning(
        `${url} does not announce PKCE with S256, so clients refuse to log in`,
        'set `oauthProxy` on the issuer: its metadata does',
      ),
    );
  }
  if (
    typeof metadata.registration_endpoint !== 'string' &&
    metadata.client_id_metadata_document_supported !== true
  ) {
    troubles.push(
      warning(
        `${server} does not register clients: only those work whose users type in a client id`,
        'set `oauthProxy` on the issuer: its front registers each as `oauthProxy.clientId`',
      ),
    );
  }
  return troubles;
}

function includes(list: unknown, text: string): boolean {
  return Array.isArray(list) && list.includes(text);
}

function error(message: string, hint: string): ClientTrouble {
  return { severity: 'error', message, hint };
}

function warning(message: string, hint: string): ClientTrouble {
  return { severity: 'warning', message, hint };
}
