import { fetchToken } from './provider/client-credentials.ts';

/** One request that shows one decision. */
export interface Scenario {
  readonly title: string;
  readonly url: string;
  readonly token?: string;
  readonly expected: Expected;
}

interface Expected {
  readonly status: number;
  /** The refusal's code; absent when the backend responds. */
  readonly code?: string;
  /** The identity headers that the backend must get; all others must be absent. */
  readonly identity?: Readonly<Record<string, string>>;
}

export interface ScenarioResponse {
  readonly status: number;
  readonly code?: string;
  /** The identity headers that reached the backend. */
  readonly identity: Readonly<Record<string, string>>;
  /** What differs from the expected response. */
  readonly faults: readonly string[];
}

const IDENTITY_HEADER = /^x-user-/;

/** The demo's requests, with real tokens from the provider at `providerUrl`. */
export async function prepareScenarios(providerUrl: string, gatewayUrl: string): Promise<Scenario[]> {
  const [reader, noScope, metadata] = await Promise.all([
    fetchToken(providerUrl, { scope: 'orders:read' }),
    fetchToken(providerUrl),
    fetch(`${providerUrl}/.well-known/openid-configuration`).then((response) => response.json()),
  ]);
  const { issuer } = metadata as { issuer: string };
  const orders = `${gatewayUrl}/orders`;
  return [
    { title: 'no token', url: orders, expected: { status: 401, code: 'token_missing' } },
    {
      title: 'a token with the scope',
      url: orders,
      token: reader,
      expected: {
        status: 200,
        identity: {
          'x-user-id': 'demo-robot',
          'x-user-issuer': issuer,
          'x-user-scopes': 'orders:read',
          'x-user-roles': 'robot',
        },
      },
    },
    {
      title: 'a token without the scope',
      url: orders,
      token: noScope,
      expected: { status: 403, code: 'insufficient_scope' },
    },
    { title: 'a public route', url: `${gatewayUrl}/status`, expected: { status: 200, identity: {} } },
  ];
}

/** Sends the request and compares the response with the expected one. */
export async function runScenario({ url, token, expected }: Scenario): Promise<ScenarioResponse> {
  const headers = token ? { authorization: `Bearer ${token}` } : undefined;
  const response = await fetch(url, { headers });
  const body = (await response.json()) as { code?: string; headers?: Record<string, string> };
  const received = body.headers ?? {};
  const identity = Object.fromEntries(
    Object.entries(received).filter(([name]) => IDENTITY_HEADER.test(name)),
  );

  const faults: string[] = [];
  const compare = (what: string, got: unknown, wanted: unknown) => {
    const [gotText, wantedText] = [JSON.stringify(got), JSON.stringify(wanted)];
    if (gotText !== wantedText) faults.push(`${what}: expected ${wantedText}, got ${gotText}`);
  };
  compare('status', response.status, expected.status);
  compare('code', body.code, expected.code);
  compare('identity at the backend', sortByName(identity), sortByName(expected.identity ?? {}));
  compare('Authorization at the backend', received.authorization, undefined);
  compare('challenge', response.headers.has('www-authenticate'), expected.code !== undefined);
  return { status: response.status, code: body.code, identity, faults };
}

function sortByName(record: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
}
