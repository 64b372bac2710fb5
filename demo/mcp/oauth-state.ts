import type { OAuthDiscoveryState } from '@modelcontextprotocol/client';
import { createBrowser, walkThroughLogin } from '../provider/login-browser.ts';

interface Client {
  readonly client_id: string;
  readonly issuer?: string;
}

interface Tokens {
  readonly access_token: string;
  readonly token_type: string;
  readonly refresh_token?: string;
  readonly scope?: string;
  readonly issuer?: string;
}

export interface OAuthStateOptions {
  /** The port is free. */
  readonly redirectUrl?: string;
  /** A client that is registered at the provider. */
  readonly client?: Client;
  /** The address of the client's metadata document. */
  readonly clientMetadataUrl?: string;
  /** False: forgets refresh tokens, as some clients do. */
  readonly keepsRefreshToken?: boolean;
}

/**
 * What an MCP client keeps about its login, in the form that both SDKs ask for, with a headless browser and a person who allows
 * everything. Nothing of the SDKs is replaced.
 */
export class OAuthState {
  readonly redirectUrl: string;
  readonly clientMetadataUrl: string | undefined;
  /** Where the browser was sent, in order. */
  readonly authorizations: URL[] = [];
  readonly saved: Tokens[] = [];
  client: Client | undefined;
  registrations = 0;

  readonly #browse = createBrowser();
  readonly #keepsRefreshToken: boolean;
  #tokens: Tokens | undefined;
  readonly #state = crypto.randomUUID();
  #verifier = '';
  #callback: URL | undefined;
  #discovery: OAuthDiscoveryState | undefined;

  constructor({
    redirectUrl = 'http://127.0.0.1:1/callback',
    client,
    clientMetadataUrl,
    keepsRefreshToken = true,
  }: OAuthStateOptions = {}) {
    this.redirectUrl = redirectUrl;
    this.client = client;
    this.clientMetadataUrl = clientMetadataUrl;
    this.#keepsRefreshToken = keepsRefreshToken;
  }

  get clientMetadata() {
    return {
      client_name: 'MCP client',
      redirect_uris: [this.redirectUrl],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    };
  }

  /** The parameters that the browser came back with. */
  takeCallback(): URLSearchParams {
    if (this.#callback === undefined) throw new Error('no login came back');
    const { searchParams } = this.#callback;
    this.#callback = undefined;
    if (searchParams.get('state') !== this.#state) throw new Error(`another state: ${searchParams}`);
    return searchParams;
  }

  state() {
    return this.#state;
  }
  clientInformation() {
    return this.client;
  }
  saveClientInformation(client: Client) {
    if (this.client?.client_id !== client.client_id) this.registrations++;
    this.client = client;
  }
  tokens() {
    return this.#tokens;
  }
  saveTokens(tokens: Tokens) {
    const { refresh_token: _dropped, ...rest } = tokens;
    this.#tokens = this.#keepsRefreshToken ? tokens : rest;
    this.saved.push(tokens);
  }
  async redirectToAuthorization(url: URL) {
    this.authorizations.push(url);
    this.#callback = await walkThroughLogin(url.href, {
      redirectUri: this.redirectUrl,
      browse: this.#browse,
    });
  }
  saveCodeVerifier(verifier: string) {
    this.#verifier = verifier;
  }
  codeVerifier() {
    return this.#verifier;
  }
  discoveryState() {
    return this.#discovery;
  }
  saveDiscoveryState(state: OAuthDiscoveryState) {
    this.#discovery = state;
  }

  /** Breaks the signature of the access token, so that it must be refreshed. */
  spoilAccessToken() {
    if (this.#tokens === undefined) throw new Error('no token to spoil');
    const [header, payload, signature = ''] = this.#tokens.access_token.split('.');
    const access_token = [header, payload, (signature[0] === 'A' ? 'B' : 'A') + signature.slice(1)].join('.');
    this.#tokens = { ...this.#tokens, access_token };
  }
}
